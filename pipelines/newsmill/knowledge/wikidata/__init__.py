"""From Wikidata's JSON dump to a knowledge base: renowned items are read to a spool, which is compiled."""

"""Who and what is named: the knowledge base, recognisers, the linker, places, topics."""

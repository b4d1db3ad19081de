"""Jobs beside the main one: annotate a text, explain a page, replay what the lake has."""

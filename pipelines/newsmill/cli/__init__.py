"""The `newsmill` command: one file a command."""

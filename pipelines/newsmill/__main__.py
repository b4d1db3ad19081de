"""`python -m newsmill` is the `newsmill` command."""

from newsmill.cli import main

main()

"""The command `newsmill`, also `python -m newsmill`."""

import os

from newsmill.ops.allocator import ARROW

os.environ.update(ARROW | os.environ)  # before the command is imported, and Arrow with it

from newsmill.cli import main

if __name__ == "__main__":
    main()

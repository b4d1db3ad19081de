"""The command `newsmill`, also `python -m newsmill`."""

import os
import sys


def main() -> None:
    """Run the command. Ctrl-C ends it with exit code 130, also while it is imported."""
    try:
        from newsmill.runtime.allocator import ARROW

        os.environ.update(ARROW | os.environ)  # before the command is imported, and Arrow with it

        from newsmill.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

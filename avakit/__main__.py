"""`avakit` and `python -m avakit`."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    _hold_streams()
    from avakit.cli import run

    sys.exit(run(sys.argv[1:]))


def _hold_streams() -> None:
    """Lead a stream that the caller closed to nowhere: else the next file to be opened would have its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)  # workers have streams, too
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open, and has no path


if __name__ == "__main__":
    main()

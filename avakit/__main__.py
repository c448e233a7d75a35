"""`avakit` and `python -m avakit`."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    _hold_streams()
    from avakit.cli import run

    code = run(sys.argv[1:])
    sys.exit(_let_go_of_streams(code))


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


def _let_go_of_streams(code: int) -> int:
    """Write what is still to be written; where it can't be (a full disk, a closed pipe), return another code than 0.

    Python would end with 120, which says nothing.
    """
    from avakit.errors import ExitCode

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for the flush at the very end
            if code == ExitCode.OK and stream is sys.stdout:
                code = ExitCode.SIGPIPE if isinstance(error, BrokenPipeError) else ExitCode.STORAGE
    return code


if __name__ == "__main__":
    main()

"""The command line: the only place that talks to a terminal. One file per verb."""

import importlib
import os
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from avakit import __version__
from avakit.errors import EXHAUSTED, AvakitError, ExitCode, Interrupted, from_os_error, nearest

#: Set by the shell's completion function (Click's convention).
COMPLETION = "_AVAKIT_COMPLETE"
#: The verbs in the order of the work, and the modules that hold them.
VERBS = {
    "datasets": "datasets",
    "fetch": "fetch",
    "check": "check",
    "plan": "plan",
    "subset": "subset",
    "adopt": "adopt",
    "download": "download",
    "cut": "cut",
    "extract-frames": "extract_frames",
    "prepare": "prepare",
    "status": "status",
    "stats": "stats",
    "manifest": "manifest",
    "journal": "journal",
    "verify": "verify",
    "doctor": "doctor",
}


class Verbs(click.Group):
    """The group of all verbs; a verb's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the work."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb."""
        if cmd_name not in VERBS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"avakit.cli.{VERBS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, and name the nearest one where there is none."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"unknown verb {args[0]!r}{nearest(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


_HELP = """Get the AVA and Kinetics video datasets ready for training.

\b
A first session:
  avakit datasets                              what there is
  avakit fetch --dataset ava-v2.2              its annotation files
  avakit plan --dataset ava-v2.2 --split val   what it would take
  avakit prepare --dataset ava-v2.2 --split val
  avakit verify

Every verb can be run again: it does only what is left. Exit codes: docs/exit-codes.md.
"""


@click.group(cls=Verbs, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="avakit")
def avakit() -> None:
    """Hold all verbs."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code. Never raises."""
    try:
        result = avakit.main(list(arguments), prog_name="avakit", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the last wall: nothing leaves without an exit code and a sentence
        return _exit_code_of(error)
    except SystemExit as leaving:
        # Click leaves this way after a shell completion, and when `avakit … | head` closed our output: then with
        # exit code 1, which is that of a bug here.
        return int(leaving.code or 0) if COMPLETION in os.environ else ExitCode.SIGPIPE
    except KeyboardInterrupt:
        return _complain(str(Interrupted(signal.SIGINT)), ExitCode.SIGINT)
    return int(result) if isinstance(result, int) else ExitCode.OK


def _exit_code_of(error: Exception) -> int:
    code: int
    if isinstance(error, click.exceptions.Exit):
        code = error.exit_code
    elif isinstance(error, click.ClickException):
        error.show()
        code = ExitCode.USAGE
    elif isinstance(error, click.Abort):
        code = _complain(str(Interrupted(signal.SIGINT)), ExitCode.SIGINT)
    elif isinstance(error, AvakitError):
        code = _complain(str(error), error.exit_code)
    elif isinstance(error, OSError) and (ours := from_os_error(error)):
        code = _complain(str(ours), ours.exit_code)
    elif isinstance(error, OSError) and error.errno in EXHAUSTED:
        what = "use fewer --jobs, or raise the machine's limits (`ulimit -n`, `ulimit -u`)"
        code = _complain(f"{error.strerror}; {what}", ExitCode.TRANSIENT)
    else:
        traceback.print_exception(error)
        code = _complain("this is a bug; please report it with the lines above", ExitCode.BUG)
    return code


def _complain(message: str, code: ExitCode) -> ExitCode:
    with suppress(OSError):  # standard error may be what fails
        click.echo(f"avakit: {message}", err=True)
    return code

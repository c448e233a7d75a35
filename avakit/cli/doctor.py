"""`avakit doctor`: whether this machine is able to do the job."""

from dataclasses import asdict
from pathlib import Path

import click

from avakit.cli import options
from avakit.cli.display import print_json
from avakit.cli.settings import Verb
from avakit.errors import ExitCode

_SIGILS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command("doctor", cls=Verb)
@options.root
@options.as_json
def command(root: Path, as_json: bool) -> int:
    """Check tools, versions, cores, disk and inodes; each doubt comes with its remedy."""
    from avakit import doctor

    checks = doctor.examine(root.absolute())
    for check in checks:
        if as_json:
            print_json("check", asdict(check))
        else:
            remedy = f"\n      -> {check.remedy}" if check.remedy else ""
            click.echo(f"{_SIGILS[check.verdict]}  {check.name}: {check.detail}{remedy}")
    is_able = all(check.verdict is not doctor.Verdict.FAIL for check in checks)
    if not as_json:
        click.echo("avakit doctor: this machine can do the job" if is_able else "avakit doctor: see FAIL above")
    if is_able:
        return ExitCode.OK
    failed = {check.name for check in checks if check.verdict is doctor.Verdict.FAIL}
    return ExitCode.CANT_CREATE if failed == {"root"} else ExitCode.TOOL_MISSING

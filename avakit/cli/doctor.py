"""`avakit doctor`: whether this machine is able to do the job."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from avakit.cli import options, setup
from avakit.cli.display import print_json
from avakit.cli.settings import Verb
from avakit.errors import ExitCode
from avakit.outcome import decisive

#: What a run on this root would end with; everything else that fails is a tool.
_CODES = {"root": ExitCode.CANT_CREATE, "shared folder": ExitCode.CANT_CREATE, "disk": ExitCode.STORAGE}
_SIGILS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command("doctor", cls=Verb)
@options.dataset
@options.option(
    "--cookies",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Look whether others can read this cookie file, too.",
)
@options.option("--offline", is_flag=True, help="Ask no server.")
@options.as_json
def command(**given: Any) -> int:
    """Check tools, cores, disk, file system, network and clock; each doubt comes with its remedy.

    Ends with exit code 69 if this machine can't do the job, with 73 or 74 if a folder or the disk can't be used.
    """
    from avakit import doctor
    from avakit.doctor import network
    from avakit.frames import selftest

    root, as_json = given["root"].absolute(), given["as_json"]
    dataset = setup.dataset_of(given)
    checks = [*doctor.examine(root, given["cookies"]), doctor.frames_check(selftest.examine())]
    if not given["offline"]:
        layout = dataset.layout(root)
        checks += network.examine(network.places(dataset, layout.absolute(layout.annotations)))
    for check in checks:
        if as_json:
            print_json("check", asdict(check))
        else:
            remedy = f"\n      -> {check.remedy}" if check.remedy else ""
            click.echo(f"{_SIGILS[check.verdict]}  {check.name}: {check.detail}{remedy}")
    failed = {check.name for check in checks if check.verdict is doctor.Verdict.FAIL}
    doubts = sum(check.verdict is doctor.Verdict.WARN for check in checks)
    code = decisive(_CODES.get(name, ExitCode.TOOL_MISSING) for name in failed)
    if as_json:
        print_json("summary", {"verb": "doctor", "fail": len(failed), "warn": doubts, "exit_code": int(code)})
    else:
        able = "this machine can do the job" + (f"; {doubts} warn" if doubts else "")
        click.echo(f"avakit doctor: {f'see FAIL above -> exit {int(code)}' if failed else able}")
    return code

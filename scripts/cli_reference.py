"""Write docs/cli.md from the program's own help, or with --check say whether it is stale."""

import sys
from pathlib import Path

import click

from avakit.cli import VERBS, avakit

#: What the program itself gives every context, so that the help here is the help there.
SETTINGS = avakit.context_settings

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# Command line reference

Written by `make docs` from the program's own help; `make check` fails when it is stale.

Every option can also be set as `AVAKIT_<NAME>` in the environment (`AVAKIT_ROOT`, `AVAKIT_JOBS`, …), and those that
describe the data in `avakit.yaml`, see [settings](settings.md). Exit codes: [exit-codes.md](exit-codes.md).
"""


def reference() -> str:
    """Return the page."""
    parts = [HEAD, _section("avakit", avakit, None)]
    for verb in VERBS:
        command = avakit.get_command(click.Context(avakit), verb)
        if command is None:
            raise SystemExit(f"no such verb: {verb}")
        parent = click.Context(avakit, info_name="avakit")
        parts.append(_section(verb, command, parent))
        if isinstance(command, click.Group):
            inner = click.Context(command, info_name=verb, parent=parent)
            parts += [_section(name, its, inner, f"{verb} {name}") for name, its in sorted(command.commands.items())]
    return "\n".join(parts)


def _section(name: str, command: click.Command, parent: click.Context | None, title: str = "") -> str:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=100, **{"max_content_width": 100, **SETTINGS}
    )
    title = name if parent is None else f"avakit {title or name}"
    return f"## {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


def main() -> None:
    """Write the page, or check it."""
    text = reference()
    if "--check" in sys.argv[1:]:
        if not TARGET.is_file() or TARGET.read_text() != text:
            raise SystemExit("docs/cli.md is stale; run `make docs`")
        return
    TARGET.write_text(text)


if __name__ == "__main__":
    main()

"""Check that README and docs are true where a machine can tell.

Links lead somewhere; every `avakit …` command shown is one that the program takes; every verb, reason code, exit
code and dependency is described; docs/cli.md is what the program says today.
"""

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from cli_reference import TARGET, reference

from avakit.cli import VERBS, avakit
from avakit.errors import ExitCode

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"Status\.(?:UNAVAILABLE|TRANSIENT|CORRUPT|SHORT|UNSAFE|INVALID),\s+\"([a-z_]+)\"")


def pages() -> list[Path]:
    """Return all pages of the documentation."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def broken_links() -> Iterator[str]:
    """Yield links that lead nowhere."""
    for page in pages():
        for target in _LINK.findall(page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: the link to {target} leads nowhere"


def wrong_commands() -> Iterator[str]:
    """Yield commands in code blocks that the program would refuse."""
    for page in pages():
        for match in _FENCE.finditer(page.read_text()):
            if page == TARGET:
                continue
            for line in _commands(match["body"]):
                problem = _problem(line)
                if problem:
                    yield f"{page.relative_to(ROOT)}: `{line}`: {problem}"


def _commands(block: str) -> Iterator[str]:
    for line in block.replace("\\\n", " ").splitlines():
        text = line.strip().removeprefix("$ ").removeprefix("srun ")
        if (
            text.startswith("avakit ")
            and "…" not in text
            and " -> exit " not in text
            and not text.startswith("avakit:")
        ):
            yield re.split(r"\s[|>#;&]", text)[0]


def _problem(line: str) -> str:
    words = shlex.split(line)[1:]
    if not words or words[0].startswith("-") or re.fullmatch(r"[a-z-]+:", words[0]):
        return ""
    command = avakit.get_command(click.Context(avakit), words[0]) if words[0] in VERBS else None
    if command is None:
        return f"there is no verb {words[0]!r}"
    if isinstance(command, click.Group):
        if len(words) < 2 or words[1] not in command.commands:  # noqa: PLR2004 - the verb and the word after it
            return f"{words[0]} has no such command"
        command = command.commands[words[1]]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word.split("=")[0] for word in words[1:] if word.startswith("--") and word.split("=")[0] not in known]
    return f"{words[0]} has no option {unknown[0]}" if unknown and unknown[0] != "--help" else ""


def undescribed() -> Iterator[str]:
    """Yield what the program has and the documentation does not."""
    readme = (ROOT / "README.md").read_text()
    yield from (f"README.md: says nothing of `avakit {verb}`" for verb in VERBS if verb not in readme)
    reasons = (ROOT / "docs" / "reasons.md").read_text()
    found = {code for path in (ROOT / "avakit").rglob("*.py") for code in _REASON.findall(path.read_text())}
    yield from (f"docs/reasons.md: says nothing of {code}" for code in sorted(found) if f"`{code}`" not in reasons)
    codes = (ROOT / "docs" / "exit-codes.md").read_text()
    yield from (f"docs/exit-codes.md: says nothing of {int(c)}" for c in ExitCode if f"| {int(c)} |" not in codes)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    described = (ROOT / "docs" / "dependencies.md").read_text()
    extras = [need for needs in project["optional-dependencies"].values() for need in needs]
    for need in [*project["dependencies"], *extras]:
        name = re.split(r"[\[<>=~! ]", need)[0]
        if f"`{name}`" not in described and f"`{name}[" not in described:
            yield f"docs/dependencies.md: gives no reason for {name}"


def main() -> None:
    """Print every problem; exit 1 if there is one."""
    problems = [*broken_links(), *wrong_commands(), *undescribed()]
    if TARGET.read_text() != reference():
        problems.append("docs/cli.md is stale; run `make docs`")
    print("\n".join(problems) or f"docs: {len(pages())} pages checked")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

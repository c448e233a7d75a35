"""The views of the journal that lie in the root for others: whether they are right, or merely older than it."""

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from avakit.layout import ROOT, SHA256SUMS
from avakit.model import Finding, FindingKind
from avakit.verify import listing

OLDER = "SHA256SUMS is older than the journal; `avakit manifest` writes it anew"


@dataclass
class Views:
    """What was found of them: what is wrong, and what is worth a word."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(root: Path, view: str) -> Views:
    """Compare `SHA256SUMS` with the journal.

    It is right if it is the view of the journal now; or if it is the one that `ROOT` names and contradicts nothing:
    then it is older.

    Parameters
    ----------
    view
        What `SHA256SUMS` would be if it were written now.
    """
    seen = Views()
    sums, named = _read(root, SHA256SUMS, seen), _named(root, seen)
    if sums is None:
        if named and not seen.findings:
            seen.findings.append(Finding(SHA256SUMS, FindingKind.MISSING, "ROOT names it"))
        return seen
    is_named = hashlib.sha256(sums).hexdigest() == named
    if sums == view.encode():
        if named and not is_named:
            seen.notes.append("ROOT is not of this SHA256SUMS; `avakit manifest` writes both anew")
        return seen
    entries, problems = listing.parse(sums)
    if problems:
        kind = FindingKind.UNSAFE if any(problem.is_unsafe for problem in problems) else FindingKind.DIFFERS
        first = next((problem for problem in problems if problem.is_unsafe), problems[0])
        where = f"line {first.line}: " if first.line else ""
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        seen.findings.append(Finding(SHA256SUMS, kind, f"{where}{first.text}{more}"))
    else:
        why = _contradiction(entries, view) or ("" if is_named else _difference(entries, view))
        if why:
            seen.findings.append(Finding(SHA256SUMS, FindingKind.DIFFERS, why))
        else:
            seen.notes.append(OLDER)
    return seen


def root_mismatch(found: str, expected: str, path: str = ROOT) -> Finding | None:
    """Return the finding of a root digest that is not the expected one."""
    if found == expected:
        return None
    return Finding(path, FindingKind.DIFFERS, f"the root digest is {found[:12]}…, expected {expected[:12]}…")


def _read(root: Path, path: str, seen: Views) -> bytes | None:
    try:
        if not stat.S_ISREG(os.lstat(root / path).st_mode):
            seen.findings.append(Finding(path, FindingKind.UNSAFE, "not a regular file"))
            return None
        return (root / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        seen.findings.append(Finding(path, FindingKind.UNREADABLE, error.strerror or str(error)))
        return None


def _named(root: Path, seen: Views) -> str:
    """Return the digest that `ROOT` names; empty where there is none."""
    data = _read(root, ROOT, seen)
    if data is None:
        return ""
    entries, problems = listing.parse(data)
    if problems or [entry.path for entry in entries] != [SHA256SUMS]:
        why = problems[0].text if problems else f"it is not one line for {SHA256SUMS}"
        seen.findings.append(Finding(ROOT, FindingKind.DIFFERS, why))
        return ""
    return entries[0].sha256


def _contradiction(entries: list[listing.Entry], view: str) -> str:
    recorded = _pairs(view)
    wrong = [each for each in entries if recorded.get(each.path, each.sha256) != each.sha256]
    if not wrong:
        return ""
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"line {wrong[0].line}: it gives {wrong[0].path} another digest than the journal{more}"


def _difference(entries: list[listing.Entry], view: str) -> str:
    recorded, listed = _pairs(view), {each.path for each in entries}
    lacks, adds = recorded.keys() - listed, listed - recorded.keys()
    parts = [f"it lacks {len(lacks)} of what is recorded ({min(lacks)}…)"] if lacks else []
    parts += [f"it names {len(adds)} that are not ({min(adds)}…)"] if adds else []
    return "; ".join(parts) or "its lines are in another order or form"


def _pairs(view: str) -> dict[str, str]:
    return {row[66:]: row[:64] for row in view.split("\n") if row}

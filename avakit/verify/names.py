"""What became of a name: the same for people, and not for a file system."""

import unicodedata
from dataclasses import replace

from avakit.model import Finding, FindingKind


def folded(path: str) -> str:
    """Return what two paths share that differ only by case, or by how their letters are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def renamed(finding: Finding, now_at: str) -> Finding:
    """Return the finding of a thing that moved, from that of one which is missing or has other bytes."""
    how = ""
    if unicodedata.normalize("NFC", finding.path) == unicodedata.normalize("NFC", now_at):
        how = "renamed (unicode): "
    elif folded(finding.path) == folded(now_at):
        how = "renamed (case): "
    others = "; other bytes lie here" if finding.kind is FindingKind.DIFFERS else ""
    # Two names that look alike on a screen are told apart by their code points.
    shown = ascii(now_at)[1:-1] if how.startswith("renamed (unicode)") else now_at
    return replace(finding, kind=FindingKind.MOVED, detail=f"{how}now at {shown}{others}", now_at=now_at)

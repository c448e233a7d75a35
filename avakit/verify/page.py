"""The findings as one page of HTML: self-contained, without scripts, for those who look after disks."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from avakit import __version__
from avakit.model import Finding, FindingKind

#: So many findings are listed of each kind: a browser shows that many rows at once. The others are counted.
SHOWN = 2000
_MEANS = {
    FindingKind.MATCH: "as recorded",
    FindingKind.MISSING: "recorded, and not there",
    FindingKind.UNEXPECTED: "there, and not recorded",
    FindingKind.DIFFERS: "other bytes or another size",
    FindingKind.MOVED: "its bytes lie elsewhere",
    FindingKind.UNSTABLE: "changed while it was read, or two reads disagree",
    FindingKind.UNREADABLE: "the disk or its permissions refuse",
    FindingKind.UNSAFE: "a link or device where a plain file was recorded",
    FindingKind.CONFLICT: "journals record it with several digests",
}
_STYLE = """
:root{--ink:#1d2330;--soft:#5d6779;--line:#e2e6ed;--back:#f6f7f9;--card:#fff;--good:#1a7f4b;--bad:#b3261e;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--line:#2c3442;--back:#12161d;--card:#1a202a;
--good:#4cc38a;--bad:#ff7b72;--warn:#e3b341}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:24px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:17px;margin:36px 0 10px}
.sub{color:var(--soft);margin:0 0 20px;overflow-wrap:anywhere}
.verdict{border-left:6px solid var(--good);background:var(--card);padding:14px 18px;border-radius:6px;font-size:17px;
box-shadow:0 1px 2px #0001}
.verdict.bad{border-color:var(--bad)}.verdict small{display:block;color:var(--soft);font-size:14px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px;margin-top:16px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:24px;line-height:1.2;font-variant-numeric:tabular-nums}.card span{font-weight:600}
.card small{display:block;color:var(--soft)}.match b{color:var(--good)}
.missing b,.differs b,.unreadable b,.unsafe b,.conflict b{color:var(--bad)}
.moved b,.unexpected b,.unstable b{color:var(--warn)}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);border-radius:8px}
th,td{padding:7px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:13px}tr:last-child td{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.zero{color:var(--line)}
code,td.path{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
td.path{width:50%}td.detail{color:var(--soft);overflow-wrap:anywhere}
details{margin:10px 0}summary{cursor:pointer;font-weight:600;padding:6px 0}
summary small{color:var(--soft);font-weight:400}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.note{color:var(--soft)}@media print{details:not([open])>*{display:revert}}
"""


@dataclass(frozen=True)
class Facts:
    """What the page says beside the findings; the fields are those of the run's tally."""

    root: str
    started: datetime
    ended: datetime
    exit_code: int
    depth: str
    part: str
    recorded: int
    looked_at: int
    root_digest: str
    by_kind: Mapping[FindingKind, int]
    folders: Mapping[str, Counter[FindingKind]]
    folder_bytes: Mapping[str, int]
    notes: Sequence[str]


def render(facts: Facts, wrong: Sequence[Finding], size: Callable[[float], str], count: Callable[[float], str]) -> str:
    """Return the page.

    Parameters
    ----------
    wrong
        Every finding but those that match; of each kind the first `SHOWN` are listed.
    size, count
        Write bytes and counts as people read them.
    """
    title = f"avakit verify: {facts.root}"
    body = [
        f"<h1>Integrity of {escape(facts.root)}</h1>",
        f'<p class="sub">checked {_time(facts.started)} to {_time(facts.ended)}, avakit {escape(__version__)}</p>',
        _verdict(facts, count),
        '<div class="cards">', *_cards(facts, count), "</div>",
        "<h2>By folder</h2>", *_folders(facts, size, count),
        *(["<h2>Findings</h2>", *_findings(wrong, size, count)] if wrong else []),
        "<h2>What was checked</h2>", *_checked(facts, count),
    ]  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _verdict(facts: Facts, count: Callable[[float], str]) -> str:
    bad = sum(number for kind, number in facts.by_kind.items() if kind is not FindingKind.MATCH)
    said = f"{count(bad)} finding{'s' * (bad != 1)}" if bad else "Everything that was looked at is as recorded"
    if facts.exit_code and not bad:
        said = "The check was stopped before its end"
    part = f"only a part of the root: {facts.part}" if facts.part else "the whole root"
    return (
        f'<div class="verdict{" bad" * bool(facts.exit_code)}">{said}'
        f"<small>{count(facts.looked_at)} of {count(facts.recorded)} recorded things; {escape(part)}; "
        f"exit code {facts.exit_code}</small></div>"
    )


def _cards(facts: Facts, count: Callable[[float], str]) -> Iterator[str]:
    for kind in FindingKind:
        if facts.by_kind.get(kind):
            yield (
                f'<div class="card {kind}"><b>{count(facts.by_kind[kind])}</b><span>{escape(kind.sigil)} {kind}</span>'
                f"<small>{_MEANS[kind]}</small></div>"
            )


def _folders(facts: Facts, size: Callable[[float], str], count: Callable[[float], str]) -> Iterator[str]:
    kinds = [kind for kind in FindingKind if facts.by_kind.get(kind)]
    heads = "".join(f'<th class="n">{kind}</th>' for kind in kinds)
    yield f'<table><tr><th>folder</th>{heads}<th class="n">as recorded, bytes</th></tr>'
    for folder in sorted(facts.folders):
        cells = "".join(
            f'<td class="n{" zero" * (not facts.folders[folder][kind])}">{count(facts.folders[folder][kind])}</td>'
            for kind in kinds
        )
        held = size(facts.folder_bytes[folder])
        yield f'<tr><td class="path">{escape(folder)}</td>{cells}<td class="n">{held}</td></tr>'
    yield "</table>"


def _findings(wrong: Sequence[Finding], size: Callable[[float], str], count: Callable[[float], str]) -> Iterator[str]:
    for kind in FindingKind:
        its = [finding for finding in wrong if finding.kind is kind]
        if not its:
            continue
        yield f"<details open><summary>{escape(kind.sigil)} {kind} <small>{count(len(its))}: {_MEANS.get(kind, '')}"
        yield '</small></summary><table><tr><th>path</th><th>detail</th><th class="n">size</th></tr>'
        for finding in sorted(its)[:SHOWN]:
            bytes_ = size(finding.bytes) if finding.bytes else ""
            yield (
                f'<tr><td class="path">{escape(finding.path)}</td><td class="detail">{escape(finding.detail)}</td>'
                f'<td class="n">{bytes_}</td></tr>'
            )
        yield "</table>"
        if len(its) > SHOWN:
            left = count(len(its) - SHOWN)
            yield f'<p class="note">{left} more are not listed here; <code>avakit verify --json</code> names all.</p>'
        yield "</details>"


def _checked(facts: Facts, count: Callable[[float], str]) -> Iterator[str]:
    depth = {
        "quick": "names, sizes and sets (--quick)",
        "full": "every byte, by sha256",
        "deep": "every byte, by sha256, and decoded (--deep)",
    }[facts.depth]
    rows = {
        "depth": depth,
        "part": facts.part or "the whole root, and whether anything lies there that nobody recorded",
        "recorded": count(facts.recorded),
        "looked at": count(facts.looked_at),
        "root digest": f"sha256:{facts.root_digest}" if facts.root_digest else "",
        **{f"note {number}": note for number, note in enumerate(facts.notes, 1)},
    }
    yield "<dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items() if value)
    yield "</dl>"

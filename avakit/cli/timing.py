"""`avakit verify --timing`: what frames show, checked again from their source."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from avakit.cli.display import Display, print_json
from avakit.model import Finding, FindingKind, Stage

if TYPE_CHECKING:
    from avakit.journal import Record, State
    from avakit.prepare.proof import Doubt

#: So many of those that can't be checked are named one by one.
_NAMED = 3


def check(given: dict[str, Any], state: "State", records: "list[Record]", tell: Any) -> list[Finding]:
    """Check the timing of the frames among the records; return what is wrong, and say what can't be checked, and why.

    Parameters
    ----------
    tell
        Called with each finding, and the display.
    """
    from avakit import execute
    from avakit.prepare import proof

    frames = [record for record in records if record.stage is Stage.FRAMES]
    sources = {record.path: record for record in state.present.values() if record.stage is not Stage.FRAMES}
    work = partial(proof.check_timing, root=given["root"].absolute(), sources=sources)
    found: list[Finding] = []
    doubts: list[Doubt] = []
    looks = {name: given[name] for name in ("as_json", "quiet", "verbose")}
    with Display("verify --timing", len(frames), **looks) as display:
        for result in execute.run(work, frames, jobs=given["jobs"], on_crash=proof.died):
            display.settle(result.key, "", 0)
            if isinstance(result, Finding):
                found.append(result)
                tell(given, result, display)
            else:
                doubts.append(result)
                if given["as_json"]:
                    print_json("doubt", asdict(result))
        wrong = [finding for finding in found if finding.kind is not FindingKind.MATCH]
        display.say(f"timing: {len(found) - len(wrong)} right, {len(wrong)} wrong, {len(doubts)} can't be checked")
        for doubt in doubts[:_NAMED]:
            display.say(f"timing of {doubt.key} can't be checked: {doubt.why}")
    return wrong

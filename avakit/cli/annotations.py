"""The annotation files of a run: there, pinned, recorded, and those that were pinned."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from avakit.cli import commands, setup
from avakit.errors import DataInvalid, ExitCode, RunStopped
from avakit.model import Stage

if TYPE_CHECKING:
    from avakit.journal import State
    from avakit.outcome import Outcome


def ensure_annotations(chosen: setup.Chosen, state: "State", tell: Callable[[str], None]) -> None:
    """Fetch the annotation files that the selection needs and that are not there yet; pin and record all that are.

    Raises
    ------
    RunStopped
        If a needed one can't be had.
    """
    from avakit import fetch
    from avakit.cli import restoring

    _refuse_unpublished(chosen)
    restoring.restore(chosen, state, tell)
    missing = {file.name for file in fetch.missing(chosen.dataset, chosen.root, chosen.splits)}
    if missing:
        tell(f"fetching {len(missing)} annotation file{'s' * (len(missing) > 1)} of {chosen.dataset.name}")
    _fetch_and_record(chosen, state, missing)


def record_those_here(chosen: setup.Chosen, state: "State") -> None:
    """Pin and record the annotation files that are there; ask nobody for others.

    Raises
    ------
    DataInvalid
        If one is no longer what was pinned.
    """
    _fetch_and_record(chosen, state, set())


def _fetch_and_record(chosen: setup.Chosen, state: "State", missing: set[str]) -> None:
    from avakit import fetch

    # A kill may have come between a file and its pin, or a pin and its journal line; or the user put the file there.
    there = {file.name for file in chosen.dataset.files if (chosen.annotations / file.name).is_file()}
    names = missing | {name for name in there if f"{chosen.layout.annotations}/{name}" not in state.present}
    _check_pins(chosen, there - names)
    if not names:
        return
    these = tuple(file for file in chosen.dataset.files if file.name in names)
    outcomes = fetch.fetch(chosen.dataset.model_copy(update={"files": these}), chosen.root, chosen.splits)
    record_annotations(chosen, outcomes, state)
    for outcome in outcomes:
        if outcome.item in missing and not outcome.is_present:
            raise annotation_error(outcome)


def _check_pins(chosen: setup.Chosen, names: set[str]) -> None:
    """Refuse annotation files that are no longer those that were pinned.

    Raises
    ------
    DataInvalid
        Naming each, with both ways out.
    """
    from avakit import fetch
    from avakit.tools import files

    pins = fetch.pinned(chosen.root, chosen.dataset)
    changed = [
        name for name in sorted(names & pins.keys()) if files.sha256(chosen.annotations / name) != pins[name]["sha256"]
    ]
    if changed:
        raise DataInvalid(
            f"{chosen.annotations / changed[0]}: is not the file that was pinned; `avakit fetch --accept-changed` "
            "accepts it, `avakit verify --repair` fetches the pinned one again"
        )


def require_annotations(chosen: setup.Chosen) -> None:
    """Stop where a needed annotation file is not there, for the verbs that touch nothing.

    Raises
    ------
    DataInvalid
        Naming the files and the verb that gets them.
    """
    from avakit import fetch

    _refuse_unpublished(chosen)
    missing = [file.name for file in fetch.missing(chosen.dataset, chosen.root, chosen.splits) if file.required]
    if missing:
        raise DataInvalid(
            f"{chosen.annotations}: {', '.join(missing)} not here yet; "
            f"run `avakit fetch` first, with the same --dataset or --manifest"
        )


def _refuse_unpublished(chosen: setup.Chosen) -> None:
    """Stop where the catalogue knows a dataset whose labels nobody can have any more."""
    if chosen.dataset.unpublished:
        raise RunStopped(f"{chosen.dataset.name}: {chosen.dataset.unpublished}", ExitCode.GAPS)


def annotation_error(outcome: "Outcome") -> RunStopped:
    """Return the error of a run that can't begin for want of an annotation file."""
    from avakit.outcome import exit_code

    return RunStopped(
        f"{outcome.item} can't be had: {outcome.detail}; `avakit fetch --from FOLDER` takes files that you have",
        exit_code([outcome]),
    )


def record_annotations(chosen: setup.Chosen, outcomes: "list[Outcome]", state: "State") -> None:
    """Write the fetched annotation files to the journal, so that `verify` watches over them, too."""
    from avakit import fetch, journal

    pinned = fetch.pinned(chosen.root, chosen.dataset)
    for outcome in outcomes:
        pin = pinned.get(outcome.item)
        if pin is None or not outcome.is_present:
            continue
        path = f"{chosen.layout.annotations}/{outcome.item}"
        known = state.present.get(path)
        if known is not None and known.sha256 == pin["sha256"]:
            continue
        record = journal.Record(
            path, Stage.ANNOTATION, outcome.item, chosen.dataset.name, "done", path=path, bytes=pin["bytes"],
            sha256=pin["sha256"], facts={"source": {"url": pin["url"]}, "command": commands.keep(chosen.root)},
        )  # fmt: skip
        # In one go: killed in between, a file would lie there that nobody recorded.
        replaced = [journal.removal(known, journal.REPLACED)] if known is not None else []
        journal.append(chosen.root, *replaced, record)

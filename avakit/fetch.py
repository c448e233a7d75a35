"""Annotation files: fetched from the first address that has them, checked, published, and pinned.

The first copy that arrives is pinned in `sources.lock.json`; from then on another content under the same name is
refused, with both hashes, until it is accepted. Known digests of the manifest only say whether a copy was seen
elsewhere: official files change, and copies drift.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from avakit.datasets import members, pins, plausible, speech, textfile
from avakit.datasets.catalogue import AnnotationFile, Dataset, Role
from avakit.datasets.selection import required_files
from avakit.errors import ConfigInvalid, ItemFailed, MediaRejected, Status, TransferFailed
from avakit.model import Split, Stage
from avakit.outcome import Outcome, attempt
from avakit.tools import files, http, leftovers
from avakit.tools.http_policy import public_url

#: What an annotation file or an archive of them may weigh.
OPTIONS = http.Options(max_bytes=members.MAX_MEMBER_BYTES, deadline_seconds=3600.0)
ADOPTED = "adopted"
#: Of several addresses that failed, which failure is the outcome: the one that tells most about what to do.
_TELLING = (Status.INVALID, Status.TRANSIENT, Status.UNSAFE, Status.CORRUPT, Status.UNAVAILABLE)


def fetch(
    dataset: Dataset,
    root: Path,
    splits: Iterable[Split],
    *,
    origin: Path | None = None,
    accept_changed: bool = False,
    tell: Callable[[str], None] | None = None,
    options: http.Options = OPTIONS,
) -> list[Outcome]:
    """Get the annotation files of some splits into `annotations/<dataset>/`.

    Parameters
    ----------
    dataset, root, splits
        What, where to, and for which splits.
    origin
        A folder (searched with all below it), a zip or a tar to take the files from, instead of the network.
    accept_changed
        Pin what is there or arrives anew, even if it differs from what was pinned before.
    tell
        Called with a sentence about each file that nothing needs and that can't be had.
    options
        How patient to be with a server.

    Returns
    -------
    list of Outcome
        One per file, with its name as the item; none for a file that nothing needs and that can't be had.

    Raises
    ------
    ConfigInvalid
        If `origin` is neither a folder nor an archive.
    DataInvalid
        If the lock file can't be read.
    """
    _check_origin(origin)
    folder = root / dataset.layout(root).annotations
    pins.read(folder)
    # What is wrong with a page in place of a file is said by who reads it.
    options = replace(options, is_media=False)
    wanted = set(splits)
    outcomes: list[Outcome] = []
    with _workplace(folder) as work:
        errand = _Errand(root, folder, work, origin, accept_changed, options)
        if origin is not None and not origin.is_dir():
            errand.own = members.Archive(origin)
        for file in (file for file in dataset.files if wanted & set(file.splits)):
            outcome = attempt(functools.partial(_settle, errand, file), file.name, Stage.ANNOTATION)
            if file.required or outcome.is_present or outcome.status is Status.LOCAL_ERROR:
                outcomes.append(outcome)
            elif tell is not None:
                tell(f"{file.name}, which nothing needs, can't be had: {outcome.detail}")
            if outcome.is_fatal:
                break
    if dataset.unpublished:
        name = f"labels of {dataset.name}"
        outcomes.append(Outcome(name, Stage.ANNOTATION, Status.UNAVAILABLE, "not_published", dataset.unpublished))
    return outcomes


def missing(dataset: Dataset, root: Path, splits: Iterable[Split]) -> list[AnnotationFile]:
    """Return the required annotation files of these splits that are not there yet."""
    folder = root / dataset.layout(root).annotations
    return [file for file in required_files(dataset, splits) if not (folder / file.name).is_file()]


def pinned(root: Path, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return what is pinned: url, sha256, git_blob, bytes, date and known, by file name.

    Raises
    ------
    DataInvalid
        If the lock file can't be read.
    """
    return pins.read(root / dataset.layout(root).annotations)


@dataclass
class _Errand:
    """One call of `fetch`: where to, the archives it has downloaded or failed to, and the hosts out of reach."""

    root: Path
    folder: Path
    work: Path
    origin: Path | None
    accept_changed: bool
    options: http.Options
    archives: dict[str, members.Archive | ItemFailed] = field(default_factory=dict)
    unreachable: dict[str, ItemFailed] = field(default_factory=dict)
    own: members.Archive | None = None

    def download(self, url: str, path: Path) -> None:
        """Download an address, unless its host was out of reach a moment ago."""
        host = urlsplit(url).netloc
        if host in self.unreachable:
            raise self.unreachable[host]
        try:
            http.download(url, path, self.options)
        except TransferFailed as error:
            if error.reason == "network":
                self.unreachable[host] = error
            raise

    def archive(self, url: str) -> members.Archive:
        """Return the downloaded archive of this address."""
        if url not in self.archives:
            path = self.work / f"archive-{len(self.archives)}"
            try:
                self.download(url, path)
                self.archives[url] = members.Archive(path)
            except ItemFailed as error:
                self.archives[url] = error
        found = self.archives[url]
        if isinstance(found, ItemFailed):
            raise found
        return found


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Yield a private folder beside the files to be, so that they can be renamed into place."""
    folder.mkdir(parents=True, exist_ok=True)
    leftovers.sweep(folder)
    with files.partial(folder / "fetch") as work:
        work.mkdir()
        yield work


def _check_origin(origin: Path | None) -> None:
    if origin is None or origin.is_dir() or (origin.is_file() and members.is_archive(origin)):
        return
    raise ConfigInvalid(f"{origin}: is neither a folder nor a zip or tar with annotation files")


def _settle(errand: _Errand, file: AnnotationFile) -> Outcome:
    target = errand.folder / file.name
    pin = pins.read(errand.folder).get(file.name)
    if target.is_file() and errand.origin is None:
        return _keep(errand, file, target, pin)
    path = errand.work / file.name
    failures: list[tuple[str, ItemFailed]] = []
    for address in _addresses(errand, file):
        try:
            url = _obtain(errand, file, address, path)
            _check_arrived(file, path)
            fresh = pins.describe(path, url, file.known)
            _check_pin(pin, fresh, accept_changed=errand.accept_changed)
        except ItemFailed as error:
            failures.append((_public(address), error))
            files.remove(path)
            continue
        files.publish(path, target)
        pins.write(errand.folder, file.name, fresh)
        return _outcome(errand, file, fresh, Status.DONE)
    raise _most_telling(failures)


def _keep(errand: _Errand, file: AnnotationFile, target: Path, pin: dict[str, Any] | None) -> Outcome:
    """Settle a file that is there: it is the pinned one, or is adopted, or was changed and is left alone."""
    if pin is not None and pin["sha256"] == files.sha256(target):
        return _outcome(errand, file, pin, Status.CACHED)
    _check_content(file, target, advice="; delete it and fetch again")
    fresh = pins.describe(target, ADOPTED, file.known)
    _check_pin(pin, fresh, accept_changed=errand.accept_changed)
    pins.write(errand.folder, file.name, fresh)
    return _outcome(errand, file, fresh, Status.CACHED)


def _addresses(errand: _Errand, file: AnnotationFile) -> tuple[str, ...]:
    return file.urls if errand.origin is None else (errand.origin.absolute().as_uri(),)


def _obtain(errand: _Errand, file: AnnotationFile, address: str, path: Path) -> str:
    """Write what one address has of the file to `path`; return what exactly was taken."""
    if errand.origin is not None:
        return _take(errand.own or errand.origin, file.aliases, path)
    url, _, member = address.partition("#")
    if not member:
        errand.download(url, path)
    elif errand.archive(url).extract([member], path) is None:
        raise TransferFailed(Status.UNAVAILABLE, "not_listed", f"the archive holds no {member}")
    return _public(address)


def _take(origin: Path | members.Archive, names: tuple[str, ...], path: Path) -> str:
    """Copy the file that has one of these names from a folder or an archive; return its address."""
    if isinstance(origin, Path):
        if (source := members.find(origin, names)) is not None:
            files.copy(source, path)
            return source.absolute().as_uri()
    elif (member := origin.extract(names, path)) is not None:
        return f"{origin.path.absolute().as_uri()}#{member}"
    raise TransferFailed(Status.UNAVAILABLE, "not_listed", f"it holds no {' or '.join(names)}")


def _check_arrived(file: AnnotationFile, path: Path) -> None:
    """Refuse what is plainly no such file, so that the next address is asked."""
    _check_content(file, path)
    if file.name.endswith(speech.ARCHIVES):
        if not members.is_archive(path):
            raise MediaRejected(Status.CORRUPT, "not_media", "it is no archive that can be read")
        return
    if problem := plausible.problem(file, _start(path)):
        raise MediaRejected(Status.CORRUPT, "not_media", f"it is {problem}")


def _check_content(file: AnnotationFile, path: Path, advice: str = "") -> None:
    start = _start(path)
    if textfile.looks_like_html(start):
        raise MediaRejected(Status.CORRUPT, "html", f"it is a web page, not the file{advice}")
    if what := plausible.sign(start):
        raise MediaRejected(Status.CORRUPT, "not_media", f"it is {what}, not the file{advice}")
    if not start.strip() and file.role is not Role.EXCLUDED_TIMESTAMPS:
        raise MediaRejected(Status.CORRUPT, "empty", f"it is empty{advice}")


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(plausible.START_BYTES)


def _check_pin(pin: dict[str, Any] | None, fresh: dict[str, Any], *, accept_changed: bool) -> None:
    if pin is None or accept_changed or pin["sha256"] == fresh["sha256"]:
        return
    raise MediaRejected(
        Status.INVALID,
        "changed",
        f"its sha256 is {fresh['sha256']}, but {pin['sha256']} was pinned on {pin.get('date', 'an unknown day')}; "
        "accept it with --accept-changed, or put the pinned file back",
    )


def _most_telling(failures: list[tuple[str, ItemFailed]]) -> ItemFailed:
    if not failures:
        return TransferFailed(Status.UNAVAILABLE, "not_listed", "no address is known for it")
    ranks = {status: rank for rank, status in enumerate(_TELLING)}
    decisive = min((error for _, error in failures), key=lambda error: ranks.get(error.status, len(ranks)))
    by_place: dict[str, str] = {}
    for address, error in failures:
        # One host that is down, or one folder, is named once, however many of its addresses were tried.
        place = urlsplit(address).netloc if error.reason == "network" else address
        by_place.setdefault(place, error.detail.rpartition(f"{address.partition('#')[0]}: ")[2].split("; ")[0])
    tried = "; ".join(f"{place} ({why})" for place, why in by_place.items())
    return TransferFailed(decisive.status, decisive.reason, f"tried {tried}")


def _public(address: str) -> str:
    url, mark, member = address.partition("#")
    return f"{public_url(url)}{mark}{member}"


def _outcome(errand: _Errand, file: AnnotationFile, pin: dict[str, Any], status: Status) -> Outcome:
    detail = "differs from the copies known elsewhere" if file.known.is_given and not pin["known"] else ""
    path = (errand.folder / file.name).relative_to(errand.root).as_posix()
    return Outcome(
        file.name,
        Stage.ANNOTATION,
        status,
        "",
        detail,
        path,
        str(pin["url"]),
        int(pin["bytes"]),
        attempts=int(status is Status.DONE),
    )

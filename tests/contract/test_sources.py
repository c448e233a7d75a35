"""One contract for every source, and what is particular to each."""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from avakit import sources
from avakit.datasets.parts import FolderSource, MirrorSource, YoutubeSource
from avakit.errors import ConfigInvalid, ItemFailed, Status, TransferFailed
from avakit.model import Span, Split, Video, VideoId
from avakit.tools import files, http, ytdlp
from avakit.tools.files import side_file
from tests.faults import Fault, FaultyServer, Injection

HOSTILE = VideoId("-5KQ66BBWC4")
OTHER = VideoId("_-aaaaaaaa-")
FAST = http.Options(timeout_seconds=5.0, tries=2, backoff_seconds=0.0)


def video(video_id: VideoId = HOSTILE, file_name: str = "-5KQ66BBWC4.mp4") -> Video:
    return Video(video_id, (Split.TRAIN,), Span(Fraction(900), Fraction(901)), file_name)


def ignore(done: int, total: int | None) -> None:
    pass


@dataclass(frozen=True)
class Subject:
    """A source that has the film, and the folder it delivers to."""

    source: sources.Source
    target: Path
    film: bytes


@pytest.fixture(params=["mirror", "youtube", "folder"])
def subject(
    request: pytest.FixtureRequest, server: FaultyServer, served: Path, tmp_path: Path, tiny_film: bytes
) -> Subject:
    film = served / "trainval" / "-5KQ66BBWC4.mp4"
    film.parent.mkdir()
    film.write_bytes(tiny_film)
    source: sources.Source
    if request.param == "mirror":
        source = sources.Mirror((f"{server.url}/{{folder}}/{{file_name}}",), {Split.TRAIN: "trainval"}, FAST)
    elif request.param == "youtube":
        options = ytdlp.Options(ffmpeg=get_ffmpeg_exe(), timeout_seconds=5.0, deadline_seconds=60.0, retries=0)
        source = sources.Youtube(f"{server.url}/trainval/{{id}}.mp4", options)
    else:
        source = sources.Folder(served)
    target = tmp_path / "videos"
    target.mkdir()
    return Subject(source, target, tiny_film)


def test_it_delivers_the_right_bytes_beside_their_final_name(subject: Subject) -> None:
    seen: list[int] = []
    delivery = subject.source.deliver(video(), subject.target, lambda done, _: seen.append(done))
    assert delivery.path.read_bytes() == subject.film
    assert delivery.path.parent == subject.target
    assert files.is_partial(delivery.path.name)
    assert (delivery.extension, delivery.path.suffix) == ("mp4", ".mp4")
    assert delivery.source == subject.source.name
    assert list(subject.target.iterdir()) == [delivery.path]
    assert seen[-1] == len(subject.film)
    if "sha256" in delivery.facts:
        assert delivery.facts["sha256"] == hashlib.sha256(subject.film).hexdigest()
    files.publish(delivery.path, subject.target / "-5KQ66BBWC4.mp4")


def test_an_unknown_video_is_unavailable_and_leaves_nothing(subject: Subject) -> None:
    with pytest.raises(ItemFailed) as caught:
        subject.source.deliver(video(OTHER, "_-aaaaaaaa-.mp4"), subject.target, ignore)
    assert (caught.value.status, caught.value.reason) == (Status.UNAVAILABLE, "not_found")
    assert list(subject.target.iterdir()) == []


def test_an_interrupt_leaves_no_final_file(subject: Subject) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        subject.source.deliver(video(), subject.target, stop)
    assert all(files.is_partial(path.name) for path in subject.target.iterdir())
    delivery = subject.source.deliver(video(), subject.target, ignore)
    assert delivery.path.read_bytes() == subject.film


def test_what_was_published_before_is_not_touched(subject: Subject) -> None:
    final = subject.target / "-5KQ66BBWC4.mp4"
    final.write_bytes(b"published before")
    subject.source.deliver(video(), subject.target, ignore)
    assert final.read_bytes() == b"published before"


def test_two_deliveries_do_not_meet(subject: Subject) -> None:
    first = subject.source.deliver(video(), subject.target, ignore)
    second = subject.source.deliver(video(), subject.target, ignore)
    assert first.path != second.path
    assert first.path.read_bytes() == second.path.read_bytes() == subject.film


def test_it_travels_to_workers(subject: Subject) -> None:
    copy = pickle.loads(pickle.dumps(subject.source))  # noqa: S301
    assert copy == subject.source
    assert copy.deliver(video(), subject.target, ignore).path.read_bytes() == subject.film


def test_the_facts_can_be_written_down(subject: Subject) -> None:
    facts = subject.source.deliver(video(), subject.target, ignore).facts
    assert all(isinstance(value, str | int | None) for value in facts.values())


# --- mirror ---


@pytest.fixture
def target(tmp_path: Path, served: Path) -> Path:
    (served / "a b").mkdir()
    (served / "a b" / "-5KQ66BBWC4.mkv").write_bytes(b"\x1aE\xdf\xa3" * 1000)
    path = tmp_path / "target"
    path.mkdir()
    return path


def test_a_mirror_that_needs_a_file_name_can_only_deliver_listed_videos(server: FaultyServer, target: Path) -> None:
    mirror = sources.Mirror((f"{server.url}/{{file_name}}",), options=FAST)
    with pytest.raises(TransferFailed) as caught:
        mirror.deliver(video(file_name=""), target, ignore)
    assert (caught.value.status, caught.value.reason) == (Status.UNAVAILABLE, "not_listed")
    assert server.requests == []


def test_every_folder_of_every_template_is_asked_in_order(server: FaultyServer, target: Path) -> None:
    mirror = sources.Mirror(
        (f"{server.url}/{{folder}}/{{id}}.mp4", f"{server.url}/{{folder}}/{{file_name}}"),
        {Split.TRAIN: "trainval", Split.VAL: "trainval", Split.TEST: "a b"},
        FAST,
    )
    wanted = replace(video(file_name="-5KQ66BBWC4.mkv"), splits=(Split.TRAIN, Split.VAL, Split.TEST))
    delivery = mirror.deliver(wanted, target, ignore)
    assert [request.path for request in server.requests] == [
        "/trainval/-5KQ66BBWC4.mp4",
        "/a%20b/-5KQ66BBWC4.mp4",
        "/trainval/-5KQ66BBWC4.mkv",
        "/a%20b/-5KQ66BBWC4.mkv",
    ]
    assert (delivery.extension, delivery.path.suffix) == ("mkv", ".mkv")
    assert list(target.iterdir()) == [delivery.path]


def test_names_are_quoted(server: FaultyServer) -> None:
    mirror = sources.Mirror((f"{server.url}/{{split}}/{{file_name}}",))
    assert mirror.addresses(video(file_name="../a b?c#d%.mp4")) == [f"{server.url}/train/..%2Fa%20b%3Fc%23d%25.mp4"]


def test_the_address_that_may_yet_answer_speaks_for_all(server: FaultyServer, target: Path) -> None:
    server.inject("/busy/-5KQ66BBWC4.mkv", Fault.BUSY)
    mirror = sources.Mirror((f"{server.url}/busy/{{file_name}}", f"{server.url}/none/{{file_name}}"), options=FAST)
    with pytest.raises(TransferFailed) as caught:
        mirror.deliver(video(file_name="-5KQ66BBWC4.mkv"), target, ignore)
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "server_error")


def test_a_film_is_read_in_parts_where_it_is_found_first(server: FaultyServer, target: Path) -> None:
    mirror = sources.Mirror((f"{server.url}/none/{{file_name}}", f"{server.url}/a b/{{file_name}}"), options=FAST)
    wanted = video(file_name="-5KQ66BBWC4.mkv")
    with mirror.open_range(wanted, target / "store", ignore) as film:
        assert film.read(4) == b"\x1aE\xdf\xa3"
        assert (film.name, film.total) == (f"{server.url}/a b/-5KQ66BBWC4.mkv", 4000)
    server.inject("/none/-5KQ66BBWC4.mkv", Fault.BUSY)
    server.inject("/a b/-5KQ66BBWC4.mkv", Fault.NOT_FOUND)
    with pytest.raises(TransferFailed, match="503"), mirror.open_range(wanted, target / "store", ignore):
        pass
    unlisted = video(file_name="")
    with pytest.raises(TransferFailed, match="file list"), mirror.open_range(unlisted, target / "store", ignore):
        pass
    assert not any(isinstance(other, sources.InParts) for other in (sources.Youtube(), sources.Folder(target)))


def test_an_address_without_extension_is_named_by_its_type(server: FaultyServer, served: Path, target: Path) -> None:
    (served / "watch").write_bytes(b"film")
    delivery = sources.Mirror((f"{server.url}/watch?v={{id}}",), options=FAST).deliver(video(), target, ignore)
    assert delivery.extension == "mp4"
    assert delivery.facts["url"] == f"{server.url}/watch"


def test_what_a_worse_address_left_is_removed(server: FaultyServer, served: Path, target: Path) -> None:
    (served / "copy.mkv").write_bytes(b"\x1aE\xdf\xa3" * 1000)
    server.inject("/copy.mkv", Fault.SHORT)
    mirror = sources.Mirror((f"{server.url}/copy.mkv?{{id}}", f"{server.url}/a b/{{file_name}}"), options=FAST)
    delivery = mirror.deliver(video(file_name="-5KQ66BBWC4.mkv"), target, ignore)
    assert list(target.iterdir()) == [delivery.path]


def dead_copy(path: Path) -> Path:
    """Rename a partial and its side file as if a process that is gone had left them."""
    parts = path.name.split(".")
    parts[-4] = "99999999"
    dead = path.with_name(".".join(parts))
    path.rename(dead)
    side_file(path).rename(side_file(dead))
    return dead


def test_the_partial_of_a_killed_run_is_taken_up(server: FaultyServer, served: Path, target: Path) -> None:
    data = os.urandom(300_000)
    (served / "a b" / "-5KQ66BBWC4.mkv").write_bytes(data)
    mirror = sources.Mirror((f"{server.url}/a b/{{file_name}}",), options=replace(FAST, tries=1))
    wanted = video(file_name="-5KQ66BBWC4.mkv")
    server.inject("/a b/-5KQ66BBWC4.mkv", Injection(frozenset({Fault.SHORT}), times=1))
    with pytest.raises(TransferFailed):
        mirror.deliver(wanted, target, ignore)
    (partial,) = (path for path in target.iterdir() if path.suffix == ".mkv")
    dead_copy(partial)
    delivery = mirror.deliver(wanted, target, ignore)
    assert delivery.path.read_bytes() == data
    assert server.requests[-1].range == "bytes=150000-"
    assert list(target.iterdir()) == [delivery.path]


def test_the_partial_of_a_living_process_is_left_alone(server: FaultyServer, target: Path) -> None:
    mirror = sources.Mirror((f"{server.url}/a b/{{file_name}}",), options=replace(FAST, tries=1))
    wanted = video(file_name="-5KQ66BBWC4.mkv")
    server.inject("/a b/-5KQ66BBWC4.mkv", Injection(frozenset({Fault.SHORT}), times=1))
    with pytest.raises(TransferFailed):
        mirror.deliver(wanted, target, ignore)
    before = {path: path.read_bytes() for path in target.iterdir()}
    delivery = mirror.deliver(wanted, target, ignore)
    assert server.requests[-1].range == ""
    assert {path: path.read_bytes() for path in target.iterdir() if path != delivery.path} == before


def test_a_failure_that_can_not_be_resumed_leaves_nothing(server: FaultyServer, target: Path) -> None:
    server.inject("/a b/-5KQ66BBWC4.mkv", Injection(frozenset({Fault.SHORT, Fault.NO_ETAG})))
    mirror = sources.Mirror((f"{server.url}/a b/{{file_name}}",), options=FAST)
    with pytest.raises(TransferFailed):
        mirror.deliver(video(file_name="-5KQ66BBWC4.mkv"), target, ignore)
    assert list(target.iterdir()) == []


# --- folder ---


def test_a_folder_is_searched_below_for_the_id_or_the_name_on_the_list(tmp_path: Path) -> None:
    deep = tmp_path / "disk" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "-5KQ66BBWC4.webm").write_bytes(b"by id")
    (deep / "listed.mkv").write_bytes(b"by name")
    (deep / "-5KQ66BBWC4.txt").write_bytes(b"no video")
    target = tmp_path / "target"
    by_id = sources.Folder(tmp_path / "disk").deliver(video(file_name=""), target, ignore)
    by_name = sources.Folder(tmp_path / "disk").deliver(video(file_name="listed.mkv"), target, ignore)
    assert (by_id.extension, by_id.path.read_bytes()) == ("webm", b"by id")
    assert (by_name.extension, by_name.path.read_bytes()) == ("mkv", b"by name")


def test_a_folder_gives_no_unfinished_files(tmp_path: Path) -> None:
    partial = files.partial_path(tmp_path / "disk" / "-5KQ66BBWC4.mp4")
    partial.write_bytes(b"half")
    with pytest.raises(TransferFailed):
        sources.Folder(tmp_path / "disk").deliver(video(file_name=partial.name), tmp_path / "target", ignore)


def test_a_folder_costs_no_second_copy(tmp_path: Path) -> None:
    original = tmp_path / "disk" / "-5KQ66BBWC4.mp4"
    original.parent.mkdir()
    original.write_bytes(b"film")
    link = tmp_path / "links" / "-5KQ66BBWC4.mp4"
    link.parent.mkdir()
    link.symlink_to(original)
    delivery = sources.Folder(link.parent).deliver(video(), tmp_path / "target", ignore)
    assert not delivery.path.is_symlink()
    assert delivery.path.samefile(original)


def test_a_folder_that_is_not_there_has_no_videos(tmp_path: Path) -> None:
    with pytest.raises(TransferFailed) as caught:
        sources.Folder(tmp_path / "none").deliver(video(), tmp_path / "target", ignore)
    assert caught.value.status == Status.UNAVAILABLE


# --- build ---

MIRROR = MirrorSource(type="mirror", url="https://host/{folder}/{file_name}", folders={"train": "trainval"})
YOUTUBE = YoutubeSource(type="youtube")


def names(built: tuple[sources.Source, ...]) -> list[str]:
    return [source.name for source in built]


def test_the_manifest_gives_the_order(tmp_path: Path) -> None:
    built = sources.build(
        [MIRROR, YOUTUBE, FolderSource(type="folder", path=str(tmp_path))],
        youtube=ytdlp.Options(ffmpeg="/usr/bin/ffmpeg"),
    )
    assert built == (
        sources.Mirror((MIRROR.url,), {Split.TRAIN: "trainval"}),
        sources.Youtube(YOUTUBE.url, ytdlp.Options(ffmpeg="/usr/bin/ffmpeg")),
        sources.Folder(tmp_path),
    )


def test_the_user_can_change_the_order_and_leave_some_out() -> None:
    assert names(sources.build([MIRROR, YOUTUBE], order=("youtube", "mirror"))) == ["youtube", "mirror"]
    assert names(sources.build([MIRROR, YOUTUBE], order=("youtube",))) == ["youtube"]


def test_a_folder_of_the_users_own_comes_first(tmp_path: Path) -> None:
    built = sources.build([MIRROR, YOUTUBE], folder=tmp_path)
    assert names(built) == ["folder", "mirror", "youtube"]
    assert names(sources.build([MIRROR, YOUTUBE], order=("mirror", "folder"), folder=tmp_path)) == ["mirror", "folder"]


def test_a_mirror_of_the_users_own_takes_the_place_of_the_manifests() -> None:
    second = MirrorSource(type="mirror", url="https://second/{id}")
    own = "http://127.0.0.1:1/{folder}/{id}.mp4"
    built = sources.build([YOUTUBE, MIRROR, second], mirror=own)
    assert built[1:] == (sources.Mirror((own,), {Split.TRAIN: "trainval"}),)
    assert names(sources.build([YOUTUBE], mirror="http://127.0.0.1:1/{id}.mp4")) == ["mirror", "youtube"]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: sources.build([MIRROR], order=("tape",)), "unknown source 'tape'"),
        (lambda: sources.build([MIRROR], order=("youtube",)), "no source 'youtube'"),
        (lambda: sources.build([MIRROR], order=("folder",)), "--folder"),
        (lambda: sources.build([MIRROR], mirror="http://host/{name}"), "{name} is unknown"),
        (lambda: sources.build([MIRROR], mirror="http://host/{id.__class__}"), "is unknown"),
        (lambda: sources.build([MIRROR], mirror="http://host/{id"), "--mirror"),
        (lambda: sources.build([MIRROR], mirror="http://host/all.mp4"), "one address"),
        (lambda: sources.build([MIRROR], mirror="ftp://host/{id}"), "http or https"),
    ],
)
def test_what_can_not_be_built_is_a_mistake_in_the_configuration(call: Callable[[], object], problem: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        call()
    assert problem in str(caught.value)

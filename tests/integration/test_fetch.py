"""Fetching annotation files: from real servers, archives and folders, pinned, and never replaced in silence."""

import gzip
import hashlib
import io
import json
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avakit import fetch
from avakit.datasets import catalogue, members, plausible
from avakit.datasets.catalogue import Dataset, Form, Role
from avakit.datasets.speech import ARCHIVES
from avakit.errors import ConfigInvalid, DataInvalid, MediaRejected, Status
from avakit.model import Split
from avakit.outcome import Outcome
from avakit.tools import files, http
from demo.server import Server

DATA = Path(__file__).parents[1] / "data" / "annotations"
DEMO = catalogue.load("demo")
NAMES = [file.name for file in DEMO.files]
BOTH = (Split.TRAIN, Split.VAL)
QUICK = http.Options(tries=1, backoff_seconds=0.01, timeout_seconds=5.0, max_bytes=1 << 20)
ROW = "-demoFilm01,0902,0.077,0.151,0.283,0.811,80,1\n"
PAGE = "<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Return the folder behind the mirror, with all files of the demo dataset."""
    folder = tmp_path / "served" / "annotations"
    folder.mkdir(parents=True)
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", folder)
    (folder / "demo_train.csv").write_text(ROW)
    (folder / "demo_val.csv").write_text(ROW.replace("-demoFilm01", "demoFilm_02"))
    (folder / "demo_train_excluded_timestamps.csv").write_text("-demoFilm01,0904\n")
    (folder / "demo_val_excluded_timestamps.csv").write_text("demoFilm_02,0903\n")
    (folder / "demo_file_names.txt").write_text("-demoFilm01.mkv\ndemoFilm_02.mp4\n")
    return folder


@pytest.fixture
def server(served: Path) -> Iterator[Server]:
    with Server(served.parent) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def at(server: Server, change: Callable[[str], str] = str) -> Dataset:
    """Return the demo dataset as it would be if its addresses were the server's."""
    text = change(catalogue.source_text("demo")).replace("http://127.0.0.1:8765", server.url)
    path = server.state.folder.parent / "own.yaml"
    path.write_text(text)
    return catalogue.load_file(path)


def run(dataset: Dataset, root: Path, splits: tuple[Split, ...] = BOTH, **options: object) -> dict[str, Outcome]:
    outcomes = fetch.fetch(dataset, root, splits, options=QUICK, **options)  # type: ignore[arg-type]
    return {outcome.item: outcome for outcome in outcomes}


def statuses(outcomes: dict[str, Outcome]) -> set[tuple[Status, str]]:
    return {(outcome.status, outcome.reason) for outcome in outcomes.values()}


def folder_of(root: Path) -> Path:
    return root / "annotations" / "demo"


def left_over(root: Path) -> list[str]:
    """Return the names of files that are neither annotations nor the lock."""
    return sorted({path.name for path in folder_of(root).iterdir()} - {*NAMES, "sources.lock.json"})


def test_files_arrive_unchanged_and_pinned(server: Server, served: Path, root: Path) -> None:
    outcomes = run(at(server), root)
    assert list(outcomes) == NAMES
    assert statuses(outcomes) == {(Status.DONE, "")}
    pins = json.loads((folder_of(root) / "sources.lock.json").read_text())
    assert pins == fetch.pinned(root, DEMO)
    for name in NAMES:
        data = (served / name).read_bytes()
        assert (folder_of(root) / name).read_bytes() == data
        assert outcomes[name].path == f"annotations/demo/{name}"
        assert outcomes[name].bytes == len(data)
        assert pins[name] | {"date": ""} == {
            "url": f"{server.url}/annotations/{name}",
            "sha256": hashlib.sha256(data).hexdigest(),
            "git_blob": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),  # noqa: S324
            "bytes": len(data),
            "date": "",
            "known": name == "ava_action_list_v2.2.pbtxt",
        }
        assert pins[name]["date"].endswith("+00:00")
    assert left_over(root) == []


def test_only_the_files_of_the_wanted_splits_are_fetched(server: Server, root: Path) -> None:
    dataset = at(server)
    assert [file.name for file in fetch.missing(dataset, root, (Split.VAL,))] == list(run(dataset, root, (Split.VAL,)))
    assert fetch.missing(dataset, root, (Split.VAL,)) == []
    assert [file.name for file in fetch.missing(dataset, root, BOTH)] == [
        "demo_train.csv",
        "demo_train_excluded_timestamps.csv",
    ]


def test_a_second_fetch_asks_no_server(server: Server, root: Path) -> None:
    dataset = at(server)
    run(dataset, root)
    asked = len(server.requests)
    assert statuses(run(dataset, root)) == {(Status.CACHED, "")}
    assert len(server.requests) == asked


def test_the_next_address_is_tried(server: Server, served: Path, root: Path) -> None:
    """Addresses that are gone, a sign-in page and an empty file are each passed over."""
    (served / "page.csv").write_text(PAGE)
    (served / "empty.csv").write_text("\n")
    base = "http://127.0.0.1:8765/annotations"
    urls = f'["{base}/gone.csv", "{base}/page.csv", "{base}/empty.csv", "{base}/demo_val.csv"]'
    dataset = at(server, lambda text: text.replace(f'["{base}/demo_val.csv"]', urls))
    outcome = run(dataset, root)["demo_val.csv"]
    assert outcome.status is Status.DONE
    assert outcome.source == f"{server.url}/annotations/demo_val.csv"


@pytest.mark.parametrize(
    "content",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
        '{"error": "nope", "message": "not, here"}',
        "404: Not Found",
        "<!-- cached -->\n<!DOCTYPE html>\n<html></html>",
        "<script>var a = ['-demoFilm01',902,1];</script>",
        "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 12345\n",
        "Sorry, this page has moved, see 2019\n",
        "a,b,c\n",
    ],
    ids=["s3", "json", "404", "comment", "script", "pdf", "lfs", "prose", "header"],
)  # fmt: skip
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("csv", "txt", "pbtxt"))])
def test_what_is_no_such_file_is_passed_over(name: str, content: str, server: Server, served: Path, root: Path) -> None:
    """Error messages and pointers come with status 200, too; none is pinned, from a server or from a folder."""
    (served / "wrong.txt").write_text(content)
    base = "http://127.0.0.1:8765/annotations"
    dataset = at(server, lambda text: text.replace(f'["{base}/{name}"]', f'["{base}/wrong.txt", "{base}/{name}"]'))
    file = next(file for file in dataset.files if file.name == name)
    dataset = dataset.model_copy(update={"files": (file,)})
    assert run(dataset, root)[name].source == f"{server.url}/annotations/{name}"
    mine = served.parent / "mine"
    mine.mkdir()
    (mine / name).write_text(content)
    outcome = run(dataset, root, origin=mine, accept_changed=True)[name]
    assert (outcome.status, outcome.reason in ("html", "not_media")) == (Status.CORRUPT, True)
    assert outcome.detail.startswith(f"tried {mine.as_uri()} (it is ")


@pytest.mark.parametrize("name", catalogue.names())
def test_every_file_that_is_known_looks_like_itself(name: str) -> None:
    """Real excerpts of each form and role, with and without header, are none of those."""
    excerpts = {
        Form.AVA7: ["-5KQ66BBWC4,0904,0.077,0.151,0.283,0.811,80\n", "-5KQ66BBWC4\t904\t0.1\t0.2\t0.3\t0.4\t80\n"],
        Form.AVA8: [ROW, "video_id,timestamp,x1,y1,x2,y2,action_id,person_id\n" + ROW],
        Form.AVA_KINETICS: ["-5KQ66BBWC4,0902\n"],
        Form.AVA_KINETICS_CLIPS: ["02D2rqAUAPM,59.020833\n"],
        Form.ACTIVESPEAKER: ["-5KQ66BBWC4,902.21,0.1,0.2,0.3,0.4,SPEAKING_AUDIBLE,-5KQ66BBWC4_0902:1\n"],
        Form.SPEECH: ["-5KQ66BBWC4,900.00,903.08,NO_SPEECH\n"],
        Form.KINETICS: [
            "youtube_id,time_start,time_end,split\r\n---QUuC4vJs,84,94,test\r\n",
            'label,youtube_id,time_start,time_end,split,is_cc\n"a, b",---QUuC4vJs,84,94,val,0\n',
        ],
        Form.KINETICS_JSON: ['{"---QUuC4vJs": {"annotations": {"label": "a", "segment": [84.0, 94.0]}}}'],
        Role.EXCLUDED_TIMESTAMPS: ["-5KQ66BBWC4,0913\r\n", ""],
        Role.INCLUDED_TIMESTAMPS: ["0902\n0903\n"],
        Role.LABEL_MAP: ['label {\n  name: "a"\n', 'item {\n  name: "a"\n', "label_id,label_name,label_type\n1,a,b\n"],
        Role.FILE_NAMES: ["-5KQ66BBWC4.mkv\r\n"],
        Role.ID_LIST: ["-5KQ66BBWC4"],
        Role.EXTRA: ["AVA-Kinetics v1.0, 2020\n"],
    }
    for file in catalogue.load(name).files:
        for text in excerpts[file.form or file.role]:
            if not file.name.endswith(ARCHIVES):
                assert plausible.problem(file, text.encode()) is None, (file.name, text)


def test_every_address_that_failed_is_named(server: Server, served: Path, root: Path) -> None:
    (served / "demo_val.csv").write_text(PAGE)
    base = "http://127.0.0.1:8765/annotations"
    dataset = at(
        server, lambda text: text.replace(f'["{base}/demo_val.csv"]', f'["{base}/gone.csv", "{base}/demo_val.csv"]')
    )
    outcome = run(dataset, root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.CORRUPT, "html")
    assert f"{server.url}/annotations/gone.csv (there is no such file" in outcome.detail
    assert f"{server.url}/annotations/demo_val.csv (it is a web page, not the file)" in outcome.detail
    assert not (folder_of(root) / "demo_val.csv").exists()
    assert left_over(root) == []


def test_a_server_that_is_down_is_worth_another_try(server: Server, root: Path) -> None:
    """One address that may come back outweighs one that is gone for good."""
    base = "http://127.0.0.1:8765/annotations"
    urls = f'["http://127.0.0.1:1/x.csv", "{base}/gone.csv"]'
    outcome = run(at(server, lambda text: text.replace(f'["{base}/demo_val.csv"]', urls)), root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.TRANSIENT, "network")


def test_a_password_in_an_address_is_never_shown(server: Server, root: Path) -> None:
    base = "http://127.0.0.1:8765/annotations/demo_val.csv"
    secret = server.url.replace("http://", "http://user:hunter2@") + "/annotations"
    dataset = at(server, lambda text: text.replace(f'"{base}"', f'"{secret}/gone.csv", "{secret}/demo_val.csv"'))
    outcomes = run(dataset, root)
    assert outcomes["demo_val.csv"].source == f"{server.url}/annotations/demo_val.csv"
    assert "hunter2" not in repr(outcomes) + (folder_of(root) / "sources.lock.json").read_text()
    only_gone = at(server, lambda text: text.replace(f'"{base}"', f'"{secret}/gone.csv"'))
    (folder_of(root) / "demo_val.csv").unlink()
    assert "hunter2" not in run(only_gone, root)["demo_val.csv"].detail


# --- files that are there ---


def test_a_file_without_a_pin_is_adopted(server: Server, root: Path) -> None:
    folder_of(root).mkdir(parents=True)
    (folder_of(root) / "demo_val.csv").write_text("by hand")
    outcome = run(at(server), root)["demo_val.csv"]
    assert (outcome.status, outcome.source) == (Status.CACHED, "adopted")
    assert fetch.pinned(root, DEMO)["demo_val.csv"]["sha256"] == hashlib.sha256(b"by hand").hexdigest()
    assert (folder_of(root) / "demo_val.csv").read_text() == "by hand"


def test_a_web_page_is_not_adopted(server: Server, root: Path) -> None:
    folder_of(root).mkdir(parents=True)
    (folder_of(root) / "demo_val.csv").write_text(PAGE)
    outcome = run(at(server), root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.CORRUPT, "html")
    assert outcome.detail == "it is a web page, not the file; delete it and fetch again"


def test_a_file_changed_on_disk_is_neither_trusted_nor_replaced(server: Server, root: Path) -> None:
    dataset = at(server)
    run(dataset, root)
    path = folder_of(root) / "demo_val.csv"
    before, after = hashlib.sha256(path.read_bytes()).hexdigest(), hashlib.sha256(b"edited").hexdigest()
    path.write_text("edited")
    outcome = run(dataset, root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.INVALID, "changed")
    assert before in outcome.detail
    assert after in outcome.detail
    assert path.read_text() == "edited"
    assert run(dataset, root, accept_changed=True)["demo_val.csv"].status is Status.CACHED
    assert run(dataset, root)["demo_val.csv"].status is Status.CACHED


def test_a_file_changed_upstream_is_refused_until_accepted(server: Server, served: Path, root: Path) -> None:
    dataset = at(server)
    run(dataset, root)
    path = folder_of(root) / "demo_val.csv"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    (served / "demo_val.csv").write_text(ROW)
    outcome = run(dataset, root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.INVALID, "changed")
    assert before in outcome.detail
    assert hashlib.sha256(ROW.encode()).hexdigest() in outcome.detail
    assert not path.exists()
    assert run(dataset, root, accept_changed=True)["demo_val.csv"].status is Status.DONE
    assert path.read_text() == ROW


def test_a_lost_file_comes_back_from_the_address_that_still_has_it(server: Server, served: Path, root: Path) -> None:
    """Copies of Kinetics differ: the pinned one is looked for in all places before anything is refused."""
    base = "http://127.0.0.1:8765/annotations"
    dataset = at(
        server, lambda text: text.replace(f'["{base}/demo_val.csv"]', f'["{base}/demo_val.csv", "{base}/copy.csv"]')
    )
    run(dataset, root)
    shutil.copy(served / "demo_val.csv", served / "copy.csv")
    (served / "demo_val.csv").write_text(ROW)
    (folder_of(root) / "demo_val.csv").unlink()
    outcome = run(dataset, root)["demo_val.csv"]
    assert (outcome.status, outcome.source) == (Status.DONE, f"{server.url}/annotations/copy.csv")


@pytest.mark.parametrize("content", ["{", "[]", '{"demo_val.csv": 1}', '{"demo_val.csv": {"url": ""}}'])
def test_a_broken_lock_is_said_before_anything_is_fetched(content: str, server: Server, root: Path) -> None:
    folder_of(root).mkdir(parents=True)
    (folder_of(root) / "sources.lock.json").write_text(content)
    with pytest.raises(DataInvalid, match=r"sources\.lock\.json: .*delete it to pin the files as they are$"):
        run(at(server), root)
    assert server.requests == []


def test_a_copy_that_nobody_knows_is_said_to_be_one(server: Server, served: Path, root: Path) -> None:
    path = served / "ava_action_list_v2.2.pbtxt"
    path.write_text(path.read_text() + "\n")
    outcome = run(at(server), root)["ava_action_list_v2.2.pbtxt"]
    assert (outcome.status, outcome.detail) == (Status.DONE, "differs from the copies known elsewhere")


def test_a_file_that_nothing_needs_may_be_missing(server: Server, served: Path, root: Path) -> None:
    (served / "demo_file_names.txt").unlink()
    dataset = at(
        server, lambda text: text.replace("    role: file_names\n", "    role: file_names\n    required: false\n")
    )
    told: list[str] = []
    outcomes = run(dataset, root, tell=told.append)
    assert statuses(outcomes) == {(Status.DONE, "")}
    assert "demo_file_names.txt" not in outcomes
    assert told[0].startswith("demo_file_names.txt, which nothing needs, can't be had: tried ")
    assert fetch.missing(dataset, root, BOTH) == []


def test_leftovers_of_a_killed_run_are_swept(server: Server, root: Path) -> None:
    dead = folder_of(root) / f".fetch.{files.host()}.999999999.0123abcd.partial"
    dead.mkdir(parents=True)
    (dead / "archive-0").write_text("half")
    run(at(server), root)
    assert left_over(root) == []


# --- archives ---


def zipped(served: Path, name: str = "all.zip", prefix: str = "ava/") -> Path:
    path = served / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(served.glob("*.csv")):
            archive.write(file, prefix + file.name)
            archive.writestr(f"__MACOSX/{prefix}._{file.name}", b"resource fork")
    return path


def from_archive(name: str) -> Callable[[str], str]:
    """Return a change of the manifest after which all csv files are members of one archive."""
    base = "http://127.0.0.1:8765/annotations/"

    def change(text: str) -> str:
        for file in NAMES:
            if file.endswith(".csv"):
                text = text.replace(f'["{base}{file}"]', f'["{base}{name}#{file}"]')
        return text

    return change


def test_an_archive_is_downloaded_once_for_all_its_members(server: Server, served: Path, root: Path) -> None:
    zipped(served)
    outcomes = run(at(server, from_archive("all.zip")), root)
    assert statuses(outcomes) == {(Status.DONE, "")}
    assert [request.path for request in server.requests].count("/annotations/all.zip") == 1
    assert outcomes["demo_val.csv"].source == f"{server.url}/annotations/all.zip#demo_val.csv"
    assert (folder_of(root) / "demo_val.csv").read_bytes() == (served / "demo_val.csv").read_bytes()
    assert left_over(root) == []


@pytest.mark.parametrize(("name", "mode"), [("all.tar.gz", "w:gz"), ("all.tar.bz2", "w:bz2"), ("all.tar", "w")])
def test_members_of_a_tar(name: str, mode: str, server: Server, served: Path, root: Path) -> None:
    with tarfile.open(served / name, mode) as archive:  # type: ignore[call-overload]
        for file in sorted(served.glob("*.csv")):
            archive.add(file, f"kinetics400/{file.name}")
    outcomes = run(at(server, from_archive(name)), root)
    assert statuses(outcomes) == {(Status.DONE, "")}
    assert (folder_of(root) / "demo_val.csv").read_bytes() == (served / "demo_val.csv").read_bytes()


def test_a_member_that_the_archive_lacks(server: Server, served: Path, root: Path) -> None:
    (served / "demo_val.csv").rename(served / "other.csv")
    zipped(served)
    outcome = run(at(server, from_archive("all.zip")), root)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.UNAVAILABLE, "not_listed")
    assert "the archive holds no demo_val.csv" in outcome.detail


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda _: PAGE.encode(), "not_media"),
        (lambda _: b"", "empty"),
    ],
    ids=["cut", "page", "empty"],
)
def test_a_damaged_archive(
    damage: Callable[[bytes], bytes], reason: str, server: Server, served: Path, root: Path
) -> None:
    path = zipped(served)
    path.write_bytes(damage(path.read_bytes()))
    outcomes = run(at(server, from_archive("all.zip")), root)
    assert (outcomes["demo_val.csv"].status, outcomes["demo_val.csv"].reason) == (Status.CORRUPT, reason)
    assert left_over(root) == []


def damaged_gzip(data: bytes) -> bytes:
    return data[:-8] + bytes(4) + data[-4:]


@pytest.mark.parametrize("damage", [lambda data: data[:-20], damaged_gzip, lambda data: data[:5]])
def test_a_damaged_tar_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = 1 << 16
        archive.addfile(info, io.BytesIO(bytes(1 << 16)))
    path = tmp_path / "all.tar.gz"
    path.write_bytes(damage(gzip.compress(tar.getvalue())))
    with pytest.raises(MediaRejected) as caught:
        members.extract(path, ["b.csv"], tmp_path / "out")
    assert caught.value.status is Status.CORRUPT


def test_a_bit_flip_in_a_member_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", ROW)
    path.write_bytes(path.read_bytes().replace(b"0902", b"0903", 1))
    with pytest.raises(MediaRejected, match="Bad CRC-32"):
        members.extract(path, ["a.csv"], tmp_path / "out")


@pytest.mark.parametrize("member", ["../../a.csv", "/etc/a.csv", "C:\\temp\\a.csv", "deep/er/a.csv"])
def test_a_members_own_path_leads_nowhere(member: str, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr(member, ROW)
    assert members.extract(folder / "all.zip", ["a.csv"], folder / "out") == "a.csv"
    assert (folder / "out").read_text() == ROW
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["all.zip", "out"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_of_the_wanted_name_is_refused(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        info = tarfile.TarInfo("set/a.csv")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(MediaRejected, match=r"set/a\.csv in the archive is refused: it is no plain file") as caught:
        members.extract(tmp_path / "all.tar", ["a.csv"], tmp_path / "out")
    assert (caught.value.status, caught.value.reason) == (Status.UNSAFE, "symlink")
    assert members.extract(tmp_path / "all.tar", ["b.csv"], tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_member(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    assert members.extract(tmp_path / "all.tar", ["a.csv"], tmp_path / "out") is None


def test_a_zipped_link_of_the_wanted_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        entry = zipfile.ZipInfo("a.csv")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(MediaRejected, match=r"a\.csv in the archive is refused"):
        members.extract(tmp_path / "all.zip", ["a.csv"], tmp_path / "out")


def packed(path: Path, contents: list[tuple[str, str]]) -> Path:
    """Write a zip or a tar, by its name, with these members."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in contents:
                archive.writestr(name, text)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, text in contents:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("name", ["all.zip", "all.tar", "all.tar.gz"])
def test_two_members_of_the_name_must_be_equal(name: str, tmp_path: Path) -> None:
    """Which of two that differ is meant, nobody can tell; both are named."""
    same = packed(tmp_path / name, [("b/a.csv", ROW), ("a/a.csv", ROW), ("a.csv.md5", "")])
    assert members.extract(same, ["a.csv"], tmp_path / "out") == "a.csv"
    assert (tmp_path / "out").read_text() == ROW
    for other in (ROW.replace("0902", "0903"), ROW + ROW):
        differ = packed(tmp_path / name, [("set/b/a.csv", ROW), ("a/a.csv", other)])
        with pytest.raises(MediaRejected, match=r"two files a\.csv that differ: a/a\.csv and set/b/a\.csv") as caught:
            members.extract(differ, ["a.csv"], tmp_path / "out")
        assert (caught.value.status, caught.value.reason) == (Status.INVALID, "ambiguous")


def test_the_members_of_an_archive_are_listed_once(tmp_path: Path) -> None:
    path = packed(tmp_path / "all.tar", [("a.csv", ROW), ("b.csv", PAGE), ("c.csv", ROW)])
    archive = members.Archive(path)
    assert archive.extract(["a.csv"], tmp_path / "out") == "a.csv"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"c.csv", b"x.csv").replace(b"b.csv", b"y.csv"))
    assert archive.extract(["b.csv"], tmp_path / "out") == "b.csv"
    assert (tmp_path / "out").read_text() == PAGE


def test_an_archive_that_was_refused_is_not_read_again(tmp_path: Path) -> None:
    info = tarfile.TarInfo("big.csv")
    info.size = 1 << 43
    path = tmp_path / "all.tar"
    path.write_bytes(info.tobuf())
    archive = members.Archive(path)
    for name in ("a.csv", "b.csv"):
        with pytest.raises(MediaRejected, match="out of all proportion"):
            archive.extract([name], tmp_path / "out")
        packed(path, [("a.csv", ROW), ("b.csv", ROW)])


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(64 << 20))
    with pytest.raises(MediaRejected) as caught:
        members.extract(tmp_path / "all.zip", ["a.csv"], tmp_path / "out")
    assert (caught.value.status, caught.value.reason) == (Status.UNSAFE, "size")
    assert (tmp_path / "out").stat().st_size <= members.RATIO_FREE_BYTES


def test_a_tar_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("big.csv")
    info.size = 1 << 43
    (tmp_path / "all.tar").write_bytes(info.tobuf())
    with pytest.raises(MediaRejected) as caught:
        members.extract(tmp_path / "all.tar", ["a.csv"], tmp_path / "out")
    assert (caught.value.status, caught.value.reason) == (Status.UNSAFE, "size")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", ROW)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        struct.pack_into("<H", data, data.index(signature) + offset, 1)
    path.write_bytes(data)
    with pytest.raises(MediaRejected, match="password required"):
        members.extract(path, ["a.csv"], tmp_path / "out")


# --- an origin of one's own ---


def test_files_are_taken_from_a_folder_and_not_from_the_network(server: Server, served: Path, root: Path) -> None:
    deep = served.parent / "mine" / "deep"
    deep.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(served / name, deep / name)
    outcomes = run(at(server), root, origin=served.parent / "mine")
    assert statuses(outcomes) == {(Status.DONE, "")}
    assert server.requests == []
    copy, mine = folder_of(root) / "demo_val.csv", deep / "demo_val.csv"
    assert outcomes["demo_val.csv"].source == mine.as_uri()
    assert copy.stat().st_ino != mine.stat().st_ino


def test_what_the_folder_lacks_is_said(server: Server, served: Path, root: Path) -> None:
    (served / "demo_val.csv").unlink()
    outcome = run(at(server), root, origin=served)["demo_val.csv"]
    assert (outcome.status, outcome.reason) == (Status.UNAVAILABLE, "not_listed")
    assert outcome.detail == f"tried {served.as_uri()} (it holds no demo_val.csv)"
    assert server.requests == []


def test_files_are_taken_from_an_archive_of_ones_own(server: Server, served: Path, root: Path) -> None:
    archive = zipped(served)
    outcomes = run(at(server), root, origin=archive)
    assert outcomes["demo_val.csv"].source == f"{archive.as_uri()}#demo_val.csv"
    assert outcomes["demo_file_names.txt"].status is Status.UNAVAILABLE


def test_copies_of_kinetics_are_found_under_their_other_names(tmp_path: Path, root: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(DATA / "kinetics-400_val_head.csv", mine / "kinetics_val.csv")
    [outcome] = fetch.fetch(catalogue.load("kinetics-400"), root, (Split.VAL,), origin=mine)
    assert (outcome.item, outcome.status) == ("validate.csv", Status.DONE)
    assert outcome.source.endswith("/mine/kinetics_val.csv")


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.write_text("x")], ids=["missing", "text"])
def test_an_origin_must_be_a_folder_or_an_archive(make: Callable[[Path], object], tmp_path: Path, root: Path) -> None:
    origin = tmp_path / "origin"
    make(origin)
    with pytest.raises(ConfigInvalid, match=r"origin: is neither a folder nor a zip or tar with annotation files$"):
        run(DEMO, root, origin=origin)

"""YouTube as yt-dlp meets it: its real machinery, with a plugin that reads YouTube's answers from this machine.

Addresses of YouTube reach the loopback through `--proxy`, so nothing here can ever ask the real one.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from avakit.errors import ConfigInvalid, TransferFailed
from avakit.tools import ytdlp
from tests.faults import FaultyServer
from tests.integration.world import World
from tests.manifests import KINETICS

#: An extractor that plays YouTube's part: `/answers/<id>.json` has the reason of a failure, or formats.
PLUGIN = """
from yt_dlp.extractor.youtube import YoutubeIE
from yt_dlp.utils import ExtractorError

class LocalYoutubeIE(YoutubeIE, plugin_name="local"):
    def _real_extract(self, url):
        video_id = self._match_id(url)
        token = self._configuration_arg("po_token", [""], casesense=True)[0]
        base = "http://www.youtube.com"
        answer = self._download_json(f"{base}/answers/{video_id}.json", video_id, query={"token": token})
        if "error" in answer:
            raise ExtractorError(answer["error"], expected=True)
        formats = [{"url": f"{base}/films/film.mp4", "acodec": "mp4a", **f} for f in answer["formats"]]
        return {"id": video_id, "title": "a", "formats": formats}
"""
BOT = "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies for the authentication"
ONE = [{"format_id": "18", "ext": "mp4", "width": 64, "height": 48, "vcodec": "avc1"}]

MANIFEST = (
    KINETICS
    + """
name: tiny
title: A tiny dataset of the form of Kinetics
family: tiny
splits: {train: {}}
sources: [SOURCES]
layout: {videos: k/videos, windows: k/windows, clips: tiny, frames: k/rawframes, key_frames: k/keys}
stages: [video]
max_unavailable: 0
"""
)
MIRROR, YOUTUBE = '{type: mirror, url: "URL/mirror/{id}.mp4"}', "{type: youtube}"


class Site:
    """YouTube and a mirror on the loopback, and a dataset that needs them."""

    def __init__(self, folder: Path, server: FaultyServer, film: bytes) -> None:
        self.world = World(folder, server, {"TMPDIR": str(folder), "AVAKIT_PROXY": server.url})
        self.server, self.served, self.film = server, server.state.folder, film
        self.plugins = folder / "plugins"
        code = self.plugins / "mine" / "yt_dlp_plugins" / "extractor"
        code.mkdir(parents=True)
        (code / "local.py").write_text(PLUGIN)
        for name in ("answers", "films", "mirror", "annotations"):
            (self.served / name).mkdir()
        (self.served / "films" / "film.mp4").write_bytes(film)

    def dataset(self, ids: list[str], *sources: str) -> None:
        manifest = MANIFEST.replace("SOURCES", ", ".join(sources)).replace("URL", self.server.url)
        (self.world.folder / "tiny.yaml").write_text(manifest)
        rows = "".join(f"walking,{video_id},0,1,train\n" for video_id in ids)
        head = "label,youtube_id,time_start,time_end,split\n"
        (self.served / "annotations" / "train.csv").write_text(head + rows)

    def answer(self, video_id: str, **answer: object) -> None:
        (self.served / "answers" / f"{video_id}.json").write_text(json.dumps(answer))

    def hold(self, video_id: str) -> None:
        (self.served / "mirror" / f"{video_id}.mp4").write_bytes(self.film)

    def command(self, *words: str) -> tuple[str, ...]:
        return "download", "--manifest", "tiny.yaml", "--yt-dlp-plugins", str(self.plugins), *words

    @property
    def asked(self) -> Counter[str]:
        """How often each place was asked, whether as a server or as a proxy."""
        paths = (urlsplit(request.path).path for request in self.server.requests)
        return Counter(path.split("/")[1] for path in paths if path.startswith("/"))

    def fetch(self, folder: Path, options: ytdlp.Options) -> ytdlp.Fetched:
        folder.mkdir()
        return ytdlp.download(f"https://www.youtube.com/watch?v={'a' * 11}", folder, "a" * 11, options)


@pytest.fixture
def site(tmp_path: Path, server: FaultyServer, tiny_film: bytes) -> Site:
    return Site(tmp_path, server, tiny_film)


@pytest.fixture
def options(site: Site) -> ytdlp.Options:
    return ytdlp.Options(
        ffmpeg=get_ffmpeg_exe(), plugins=site.plugins, proxy=site.server.url, retries=0, timeout_seconds=20.0
    )


def ids_of(count: int) -> list[str]:
    return [f"video{number:06d}" for number in range(count)]


def test_a_site_that_only_refuses_is_asked_a_few_times_and_not_twenty_thousand(site: Site) -> None:
    ids = ids_of(20_000)
    site.dataset(ids, YOUTUBE)
    for video_id in ids[:40]:
        site.answer(video_id, error=BOT)
    result = site.world.run(*site.command("--stop-after-blocks", "3", "--jobs", "2"), expect=75)
    assert 3 <= site.asked["answers"] <= 5  # a worker may be on its way when the third refusal comes in
    last = result.stdout.splitlines()[-1]
    assert "not tried" in last
    assert "(youtube refused 3 videos in a row (bot_check), no source is left to ask)" in last
    assert "unavailable" not in last
    assert "--cookies" in result.stdout
    assert "refused 3 videos in a row (bot_check)" in result.stderr
    journal = "".join(path.read_text() for path in site.world.root.glob(".avakit/journal/*/*"))
    assert journal.count('"bot_check"') <= 5
    assert '"reasons_table"' in journal
    assert "not_asked" not in journal


def test_other_sources_are_still_asked_and_the_same_command_ends_it(site: Site) -> None:
    ids = ids_of(6)
    site.dataset(ids, YOUTUBE, MIRROR)
    for number, video_id in enumerate(ids):
        site.answer(video_id, error=BOT)
        if number >= 3:
            site.hold(video_id)
    command = site.command("--stop-after-blocks", "2", "--jobs", "1")
    summary = site.world.json(*command, expect=75)[-1]
    counts = {(row["status"], row["reason"]): row["count"] for row in summary["counts"]}
    assert counts == {("transient", "bot_check"): 2, ("done", ""): 3}
    assert summary["not_tried"] == 1
    assert any("youtube refused 2 videos in a row (bot_check)" in note for note in summary["notes"])
    assert (site.asked["answers"], site.asked["mirror"]) == (2, 6)

    for video_id in ids:
        site.answer(video_id, formats=ONE)
    site.world.run(*command)
    assert len(list((site.world.root / "k" / "videos").iterdir())) == 6


def test_secrets_reach_youtube_and_nothing_else(site: Site) -> None:
    """Passwords, cookies and tokens arrive, and stand in no output, report or journal, of a success or a failure."""
    good, bad = ids_of(2)
    site.dataset([good, bad], YOUTUBE)
    site.answer(good, formats=ONE)
    site.answer(bad, error=f"Oops at {site.server.url.replace('//', '//me:planted-1@')}/x?sig=planted-4")
    cookies = site.world.folder / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tFALSE\t0\tSID\tplanted-2\n")
    cookies.chmod(0o644)
    proxy = site.server.url.replace("//", "//me:planted-1@")
    words = ("--proxy", proxy, "--cookies", str(cookies), "--extractor-args", "youtube:po_token=web.gvs+planted-3")
    result = site.world.run(*site.command(*words, "--verbose", "--report", "report.json"), expect=75)
    asked = [request for request in site.server.requests if "/answers/" in request.path]
    assert all("token=web.gvs%2Bplanted-3" in request.path for request in asked)
    assert all("SID=planted-2" in request.headers["cookie"] for request in asked)
    assert all(request.headers["proxy-authorization"].startswith("Basic ") for request in asked)
    assert "chmod 600" in result.stderr
    assert "planted" in cookies.read_text()
    cookies.unlink()
    written = [path for path in site.world.folder.rglob("*") if path.is_file() and site.served not in path.parents]
    assert len(written) > 5
    leaks = [path for path in written if b"planted" in path.read_bytes()]
    assert leaks == []
    assert "planted" not in result.stdout + result.stderr


@pytest.mark.parametrize(("height", "chosen"), [(144, "small"), (480, "plain"), (1080, "large"), (4320, "large")])
def test_the_format_is_the_largest_that_is_wanted_plain_and_h264(
    site: Site, options: ytdlp.Options, tmp_path: Path, height: int, chosen: str
) -> None:
    """Of an upright video the width counts; where all are larger the smallest is taken."""

    def offered(name: str, size: int, codec: str, dynamic: str = "SDR") -> dict[str, object]:
        facts = {"width": size, "height": size * 16 // 9, "vcodec": codec, "dynamic_range": dynamic}
        return {"format_id": name, "ext": "mp4", **facts}

    formats = [
        offered("large", 1080, "avc1"), offered("vp9", 480, "vp9"), offered("plain", 480, "avc1"),
        offered("bright", 480, "avc1", "HDR10"), offered("small", 240, "avc1"),
    ]  # fmt: skip
    site.answer("a" * 11, formats=formats)
    assert site.fetch(tmp_path / "to", replace(options, height=height)).format_id == chosen


def test_without_leave_no_plugin_is_loaded(site: Site, options: ytdlp.Options, tmp_path: Path) -> None:
    with pytest.raises(TransferFailed):
        site.fetch(tmp_path / "to", replace(options, plugins=None))
    assert not site.asked["answers"]


def test_cookies_that_can_not_be_read_end_the_run(
    site: Site, options: ytdlp.Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ConfigInvalid, match=r"--cookies-from-browser firefox: .*cookies"):
        site.fetch(tmp_path / "to", replace(options, browser="firefox"))
    assert site.server.requests == []
    site.dataset(ids_of(3), YOUTUBE)
    site.world.environment |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    result = site.world.run(*site.command("--cookies-from-browser", "firefox", "--jobs", "1"), expect=2)
    assert "2 not tried -> exit 2" in result.stdout
    assert "tool_missing" not in result.stdout + result.stderr
    assert not site.asked["answers"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--cookies-from-browser", "firefox"), 2, "cluster job (SLURM_JOB_ID"),
        (("--proxy", "me:planted@host"), 2, "--proxy: expected"),
        (("--extractor-args", "generic:a=planted"), 2, "only `youtube:"),
        (("--sleep", "20,10"), 2, "MIN <= MAX"),
        (("--js-runtime", "quickjs:/nowhere/qjs"), 69, "no such program"),
    ],
)
def test_a_wrong_option_is_said_before_anything_is_done(
    site: Site, words: tuple[str, str], code: int, said: str
) -> None:
    site.dataset(ids_of(1), YOUTUBE)
    site.world.environment["SLURM_JOB_ID"] = "7"
    result = site.world.run("download", "--manifest", "tiny.yaml", *words, expect=code)
    assert said in result.stderr
    assert "planted" not in result.stderr
    assert not site.server.requests

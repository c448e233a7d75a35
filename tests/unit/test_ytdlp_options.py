"""What is wrong with an option is said before the first video is asked for, and without its secrets."""

from dataclasses import replace
from pathlib import Path

import pytest

from avakit.errors import ConfigInvalid, ToolMissing
from avakit.tools import ytdlp_about
from avakit.tools.ytdlp_options import Options, arguments, check, height_for, is_cookie_file, is_open_to_others

COOKIES = "# Netscape HTTP Cookie File\n#HttpOnly_.youtube.com\tTRUE\t/\tTRUE\t0\tname\tplanted\n\n"


@pytest.mark.parametrize(
    ("short_side", "height"), [(1, 144), (144, 144), (240, 240), (256, 360), (720, 720), (1081, 1440), (9999, 4320)]
)
def test_frames_never_come_from_a_smaller_video_than_they_need(short_side: int, height: int) -> None:
    assert height_for(short_side) == height


def test_arguments_are_read_as_yt_dlp_reads_them() -> None:
    texts = (
        "youtube:player-client=web, tv;po_token=web.gvs+a\\,b=",
        "youtubepot-bgutilhttp:base_url=http://127.0.0.1:1",
    )
    assert arguments(texts) == {
        "youtube": {"player_client": ["web", "tv"], "po_token": ["web.gvs+a,b="]},
        "youtubepot-bgutilhttp": {"base_url": ["http://127.0.0.1:1"]},
    }


@pytest.mark.parametrize("text", ["generic:impersonate=planted", "youtube", "youtube:planted", "youtube:=planted", ""])
def test_other_arguments_are_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="--extractor-args") as caught:
        arguments((text,))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy", ["user:planted@host:1", "ftp://planted@host", "http://", "http://host:99999", "http://[::1", "file:///x"]
)
def test_a_proxy_that_is_none_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(ConfigInvalid, match="--proxy: expected") as caught:
        check(Options(proxy=proxy), {})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["", "http://host", "socks5h://user:word@host:1080", "https://[::1]:8080"])
def test_a_good_proxy(proxy: str) -> None:
    check(Options(proxy=proxy), {})


def test_secrets_are_not_shown() -> None:
    options = Options(proxy="http://u:planted@h", extractor_args=("youtube:po_token=planted",), cookies=Path("planted"))
    assert "planted" not in repr(options)


def test_cookies(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.json"
    good.write_text(COOKIES)
    bad.write_text('[{"name": "planted"}]')
    assert is_cookie_file(good)
    check(Options(cookies=good), {"SLURM_JOB_ID": "1"})
    with pytest.raises(ConfigInvalid, match="Netscape") as caught:
        check(Options(cookies=bad), {})
    assert "planted" not in str(caught.value)
    bad.write_text(COOKIES.partition("\n")[2])
    with pytest.raises(ConfigInvalid, match="# Netscape HTTP Cookie File"):
        check(Options(cookies=bad), {})
    bad.write_bytes(COOKIES.encode() + b"\xff")
    assert not is_cookie_file(bad)
    with pytest.raises(ConfigInvalid, match="exclude"):
        check(Options(cookies=good, browser="firefox"), {})
    good.chmod(0o640)
    assert is_open_to_others(good)
    good.chmod(0o600)
    assert not is_open_to_others(good)


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "PBS_JOBID", "KUBERNETES_SERVICE_HOST"])
def test_a_cluster_job_has_no_browser(variable: str) -> None:
    options = Options(browser="firefox:work")
    check(options, {})
    with pytest.raises(ConfigInvalid, match=variable):
        check(options, {variable: "7"})
    with pytest.raises(ConfigInvalid, match="vivaldi"):
        check(replace(options, browser="netscape"), {})


def test_a_plugin_folder_must_hold_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="yt_dlp_plugins"):
        check(Options(plugins=tmp_path), {})
    (tmp_path / "mine" / "yt_dlp_plugins").mkdir(parents=True)
    check(Options(plugins=tmp_path), {})


@pytest.mark.parametrize(("version", "is_accepted"), [("v99.1.0", True), ("v20.20.2", False)])
def test_a_runtime_must_be_one_that_yt_dlp_accepts(tmp_path: Path, version: str, is_accepted: bool) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    if is_accepted:
        assert ytdlp_about.require_runtime(f"node:{program}") == "node 99.1.0"
    else:
        with pytest.raises(ToolMissing, match="too old"):
            ytdlp_about.require_runtime(f"node:{program}")


def test_a_runtime_that_is_not_there() -> None:
    with pytest.raises(ToolMissing, match="no such program"):
        ytdlp_about.require_runtime("quickjs:/nowhere/qjs")
    with pytest.raises(ConfigInvalid, match="quickjs"):
        check(Options(js_runtimes=("rhino",)), {})


def test_the_age_of_yt_dlp_is_that_of_its_version() -> None:
    assert ytdlp_about.age_days() is not None

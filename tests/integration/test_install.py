"""avakit works from an editable install, from a wheel, and with no ffmpeg on PATH."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.integration.world import World

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel where only its dependencies are, and return that environment's folder of programs."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    # A .pth file is not read through another: the dependencies are visible, the editable install is not.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def test_the_wheel_holds_the_program_and_its_manifests_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "avakit/manifests/ava-v2.2.yaml" in names
    assert "avakit/py.typed" in names
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"avakit"}


def test_the_wheel_does_the_whole_job(installed: Path, world: World) -> None:
    """The console script of the wheel, far from the repository, finds its own manifests and makes frames."""
    script = str(installed / "avakit")
    where = subprocess.run(
        [str(installed / "python"), "-c", "import avakit; print(avakit.__file__)"],
        capture_output=True, text=True, check=True, cwd=world.folder,
    ).stdout  # fmt: skip
    assert str(installed.parent) in where
    listed = subprocess.run([script, "datasets"], capture_output=True, text=True, check=True, cwd=world.folder)
    assert "kinetics-400" in listed.stdout
    subprocess.run([script, "prepare", "--manifest", "tiny.yaml"], capture_output=True, check=True, cwd=world.folder)
    subprocess.run(
        [str(installed / "python"), "-m", "avakit", "verify"], capture_output=True, check=True, cwd=world.folder
    )


def test_the_editable_install_runs_from_the_sources() -> None:
    script = Path(sys.executable).with_name("avakit")
    if not script.exists():
        pytest.skip("avakit is not installed here; `make test` installs it")
    subprocess.run([str(script), "--version"], check=True, capture_output=True, cwd="/")
    result = subprocess.run(
        [sys.executable, "-c", "import avakit; print(avakit.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert Path(result.stdout.strip()).is_relative_to(ROOT)


def test_no_ffmpeg_on_path_is_no_hindrance(world: World, clip_world: World, tmp_path: Path) -> None:
    """The one that comes with imageio-ffmpeg cuts and merges."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for each, name in ((world, "tiny.yaml"), (clip_world, "tinetics.yaml")):
        each.environment = {"PATH": str(empty)}
        each.run("prepare", "--manifest", name, "--max-unavailable", "100")
    checks = {row["name"]: row for row in world.json("doctor", "--offline") if "name" in row}
    assert "imageio" in checks["ffmpeg"]["detail"]

"""`python -m demo`: the whole job on two small films and some short videos, on this machine alone."""

import argparse
import errno
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from demo import annotations, material, proof
from demo.server import Server
from demo.shell import DemoStoppedError, avakit, check_sums, headline, say, shown, timed

_REPOSITORY = Path(__file__).parent.parent
_PORT = 8765
#: Lies in a folder that the demo made: only such a folder is ever removed.
_MARK = ".made-by-avakit-demo"
_SPAN_START = 900
_FRAMES = 900


@dataclass
class _Demo:
    """One run of the demo."""

    folder: Path
    features: tuple[material.Film, ...] = material.FEATURES
    port: int = _PORT

    @property
    def mirror(self) -> Path:
        """What the server serves."""
        return self.folder / "mirror"

    @property
    def root(self) -> Path:
        """The data root that avakit fills."""
        return self.folder / "data"

    def frames(self, film: material.Film) -> Path:
        """Return the folder of a film's frames."""
        return self.root / "demo" / "rawframes" / film.video_id

    def avakit(self, *words: str, expected: int = 0) -> None:
        """Run avakit on the demo's root."""
        avakit(*words, "--root", shown(self.root), expected=expected)

    def manifest(self, path: Path) -> Path:
        """Return a manifest that names the server's port: the file itself, or a copy."""
        if self.port == _PORT:
            return path
        copy = self.folder / "manifests" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text().replace(f":{_PORT}/", f":{self.port}/"))
        return copy


def main() -> int:
    """Run the demo; return 0 if all of it went as it should, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="The whole job of avakit, offline.")
    parser.add_argument("--folder", type=Path, default=Path("demo-data"), help="where everything goes")
    parser.add_argument("--quick", action="store_true", help="films of a fifth of the frames, for tests")
    arguments = parser.parse_args()
    demo = _Demo(arguments.folder.absolute())
    if arguments.quick:
        demo.features = tuple(map(material.slow, demo.features))
    try:
        with timed("\nThe demo"):
            _clear(demo.folder)
            _run(demo)
    except (DemoStoppedError, OSError) as problem:
        print(f"\nThe demo stopped: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; the next one begins anew.", file=sys.stderr)
        return 130
    return 0


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise DemoStoppedError(f"{folder} holds files that are not the demo's; name another folder with --folder")
        say(f"{shown(folder)} holds an earlier demo; removing it")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()


def _run(demo: _Demo) -> None:
    _make_films(demo)
    _write_annotations(demo)
    headline(3, "A mirror that lacks one film")
    with _serve(demo) as server:
        say(f"{shown(demo.mirror)} is at {server.url}, with range requests")
        say(f"/videos/trainval/ has {demo.features[0].file_name} alone; {demo.features[1].file_name} is under")
        say("/youtube/, where yt-dlp finds it")
        _ava(demo, server)
        _kinetics(demo, server)
        _check(demo)
        _damage_and_repair(demo)
    _close(demo)


def _make_films(demo: _Demo) -> None:
    headline(1, "Films whose frames carry their own number")
    say("footage of a person who walks, reads and eats, above a strip of sixteen black and white cells that spell")
    say("each frame's index")
    with timed("making them"):
        for film in material.make((*demo.features, *material.SHORTS), demo.mirror):
            size = film.path(demo.mirror).stat().st_size / 1e6
            say(f"  {film.file_name}: {film.seconds} s, {float(film.rate):.3f} frames a second, {size:.1f} MB")


def _write_annotations(demo: _Demo) -> None:
    headline(2, "Annotation files in the forms of AVA and Kinetics")
    for path in annotations.write(demo.mirror / "annotations"):
        lines = path.read_text().splitlines()
        telling = lines[0] if path.name.startswith("demo") else lines[1]
        say(f"  {path.name}: {len(lines)} line{'s' * (len(lines) > 1)}, such as  {telling.strip()}")


def _serve(demo: _Demo) -> Server:
    try:
        return Server(demo.mirror, port=_PORT)
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
    server = Server(demo.mirror)
    demo.port = int(server.url.rpartition(":")[2])
    say(f"port {_PORT} is taken: the mirror takes {demo.port}, and copies of the manifests say so")
    return server


def _ava(demo: _Demo, server: Server) -> None:
    headline(4, "From annotations to frames: a dataset in the form of AVA")
    own = demo.manifest(_REPOSITORY / "avakit" / "manifests" / "demo.yaml")
    dataset = ("--dataset", "demo") if demo.port == _PORT else ("--manifest", shown(own))
    demo.avakit("fetch", *dataset)
    demo.avakit("plan", "--dataset", "demo")
    demo.avakit("prepare", "--dataset", "demo")
    missing = demo.features[1]
    answers = [request.status for request in server.requests if missing.file_name in request.path]
    if 404 not in answers or not set(answers) & {200, 206}:  # noqa: PLR2004 - HTTP's own numbers
        raise DemoStoppedError(f"{missing.file_name} did not come by way of yt-dlp; the mirror answered {answers}")
    say(f"the mirror answered 404 for {missing.file_name}; yt-dlp fetched it from {server.url}/youtube/")
    demo.avakit("status", "--dataset", "demo")
    _prepare_again(demo, server, "demo")


def _kinetics(demo: _Demo, server: Server) -> None:
    headline(5, "From annotations to clips: a manifest of your own, in the form of Kinetics")
    say("one of the four videos is gone, as videos of Kinetics do; the manifest allows for it")
    own = demo.manifest(_REPOSITORY / "demo" / "kinetics.yaml")
    demo.avakit("prepare", "--manifest", shown(own))
    demo.avakit("status", "--dataset", "demo-kinetics")
    _prepare_again(demo, server, "demo-kinetics")


def _prepare_again(demo: _Demo, server: Server, dataset: str) -> None:
    say("\nonce more: nothing is left to do, and nothing is asked for")
    before = len(server.requests)
    demo.avakit("prepare", "--dataset", dataset)
    if len(server.requests) != before:
        raise DemoStoppedError(f"a second `avakit prepare` asked for {server.requests[before].path}")


def _check(demo: _Demo) -> None:
    headline(6, "Checks by other means")
    program = shutil.which("sha256sum")
    if program is None:
        say("there is no sha256sum on this machine, so its check is left out")
    else:
        lists = sorted((demo.root / ".avakit" / "manifests").rglob("*.sha256"))
        names = [".avakit/manifests/SHA256SUMS", *(path.relative_to(demo.root).as_posix() for path in lists)]
        say(f"sha256sum agrees on all {check_sums(program, demo.root, names)} files")
    say("\nthe strips, read from the pictures and compared with the films' own timestamps:")
    for film in demo.features:
        right, count = proof.frames_right(demo.frames(film), film.path(demo.mirror), _SPAN_START)
        say(f"  {film.video_id}: {right} of {count} frames show the source frame nearest to their instant")
        if not right == count == _FRAMES:
            raise DemoStoppedError(f"{_FRAMES} frames should, in {demo.frames(film)}")
    _check_clips(demo)


def _check_clips(demo: _Demo) -> None:
    films = {film.video_id: film for film in material.SHORTS}
    for clip in material.CLIPS:
        if clip.video_id not in films:
            continue
        name = f"{clip.video_id}_{clip.start:06d}_{clip.end:06d}.mp4"
        (path,) = (demo.root / "demo-kinetics" / "clips").glob(f"*/{clip.label.replace(' ', '_')}/{name}")
        right, count = proof.clip_right(path, films[clip.video_id].path(demo.mirror), clip.start)
        say(f"  {name}: {right} of {count} frames show the source frame nearest to their instant")
        if right != count:
            raise DemoStoppedError(f"not all frames of {path} do")


def _damage_and_repair(demo: _Demo) -> None:
    headline(7, "Damage, found and repaired")
    path = demo.frames(demo.features[0]) / "img_00450.jpg"
    sound = path.read_bytes()
    data = bytearray(sound)
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    say(f"one byte of {shown(path)} is another now; its size is the same")
    demo.avakit("verify", expected=4)
    demo.avakit("verify", "--repair")
    demo.avakit("verify")
    if path.read_bytes() != sound:
        raise DemoStoppedError(f"{path} was made anew, and is not what it was")
    say(f"{path.name} was made anew, byte for byte what it was")


def _close(demo: _Demo) -> None:
    headline(8, "Where things are")
    root = shown(demo.root)
    first = shown(demo.frames(demo.features[0]))
    clips = shown(demo.root / "demo-kinetics" / "clips")
    say(f"  {first}/img_00061.jpg  second 902, the first annotated one: 30 x (902 - 900) + 1")
    say(f"  {root}/demo/windows/  what was cut from the films, with the films' own timestamps")
    say(f"  {clips}/train/  a folder for each class; the clips play anywhere")
    say(f"  {root}/annotations/  the files as the mirror served them; sources.lock.json says where from")
    say(f"  {root}/.avakit/journal/  every step, one JSON object a line")
    say(f"  {root}/.avakit/quarantine/  the damaged frames, with the finding")
    say("To read: docs/getting-started.md, docs/data-root.md, docs/frames.md, docs/integrity.md, demo/README.md.")
    program = Path(sys.executable).with_name("avakit")
    if shutil.which("avakit") is None and os.access(program, os.X_OK):
        say(f"To go on: `avakit` is {shown(program)} on this machine.")
    serve = f"{shown(Path(sys.executable))} demo/server.py {shown(demo.mirror)} --port {demo.port}"
    say(f"The mirror is gone with the demo; `{serve}` starts it again.")
    say("\nEverything is as it should be.")


if __name__ == "__main__":
    sys.exit(main())

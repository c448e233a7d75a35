"""How something is to be cut: the options, and the recipes and places that they mean."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from avakit.cli.options import option, together
from avakit.errors import ConfigInvalid
from avakit.layout import Layout, Place
from avakit.model import Stage
from avakit.recipes import COPY, ENCODE, AudioRecipe, ClipRecipe

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset

#: x264's own, from fast and large to slow and small.
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip

recipe = together(
    option("--mode", type=click.Choice([COPY, ENCODE]),
           help="The packets as they are, timestamps and all; or a constant rate that begins at 0  "
           "[default: copy for windows, the manifest's for clips]"),
    option("--crf", type=click.IntRange(0, 51), help="x264's quality, smaller is better  [default: the manifest's]"),
    option("--preset", type=click.Choice(PRESETS), help="x264's speed  [default: the manifest's]"),
    option("--gop", type=click.IntRange(0, 10_000), metavar="N",
           help="An I-frame every N frames, such as 16 for random access; 0 leaves it to x264  "
           "[default: the manifest's]"),
    option("--short-side", "cut_short_side", type=click.IntRange(min=0),
           help="Scale the smaller side to this many pixels, never up; 0 keeps the size  [default: the manifest's]"),
    option("--sound/--no-sound", default=None, help="Keep the sound track, or not  [default: the manifest's]"),
)  # fmt: skip

audio = together(
    option("--audio", type=click.Choice(["wav", "flac", COPY]),
           help="Also write the sound of each window or clip to a file of its own: exactly its span; or its packets."),
    option("--audio-rate", type=click.Choice(["16000", "48000"]),
           help="Samples a second of wav and flac  [default: 16000]"),
)  # fmt: skip


@dataclass(frozen=True)
class Cuts:
    """How clips and windows are cut, and the sound beside them."""

    clips: ClipRecipe
    windows: ClipRecipe
    audio: AudioRecipe


def own(dataset: "Dataset") -> Cuts:
    """Return the dataset's own recipes: what has the plain folder names."""
    windows = ClipRecipe(rate=dataset.frame_recipe.rate, mode=COPY)
    return Cuts(dataset.clip_recipe or ClipRecipe(), windows, AudioRecipe())


def recipes(given: dict[str, Any], dataset: "Dataset") -> Cuts:
    """Return the dataset's recipes with what the command line changes.

    Raises
    ------
    ConfigInvalid
        If an option is for what is encoded, and nothing is; or for sound, and none is written.
    """
    cuts = own(dataset)
    cuts = replace(cuts, clips=_changed(cuts.clips, given), windows=_changed(cuts.windows, given), audio=_audio(given))
    are_encoded = (cuts.clips.mode == ENCODE and dataset.clip_recipe) or cuts.windows.mode == ENCODE
    useless = [name for name in ("crf", "preset", "gop", "cut_short_side") if given.get(name) is not None]
    if useless and not are_encoded and _is_by_hand(useless[0]):
        word = useless[0].removeprefix("cut_").replace("_", "-")
        raise ConfigInvalid(f"--{word} is for what is encoded; copies are as they are. Say --mode encode, too")
    return cuts


def _changed(recipe: ClipRecipe, given: dict[str, Any]) -> ClipRecipe:
    names = {
        "mode": "mode",
        "crf": "crf",
        "preset": "preset",
        "gop": "gop",
        "cut_short_side": "short_side",
        "sound": "sound",
    }
    changes = {name: given[option] for option, name in names.items() if given.get(option) is not None}
    return replace(recipe, **changes)


def _audio(given: dict[str, Any]) -> AudioRecipe:
    form, rate = given.get("audio"), given.get("audio_rate")
    if rate and form in (None, COPY) and _is_by_hand("audio_rate"):
        raise ConfigInvalid("--audio-rate is for --audio wav and flac; a copy keeps the rate of its track")
    usual = AudioRecipe()
    return AudioRecipe(form or usual.form, usual.rate if form == COPY else int(rate or usual.rate))


def _is_by_hand(name: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is None or context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def placed(layout: Layout, dataset: "Dataset", cuts: Cuts) -> Layout:
    """Return the layout in which everything cut by another recipe than the dataset's own has a folder of its own."""
    usual = own(dataset)

    def aside(folder: str, recipe: ClipRecipe, default: ClipRecipe) -> Place | None:
        suffix = recipe.folder_suffix(default)
        return Place(f"{folder}{suffix}", recipe.extension) if suffix else None

    def moved(part: Layout) -> Layout:
        return replace(
            part, other_windows=aside(part.windows, cuts.windows, usual.windows),
            other_clips=aside(part.clips, cuts.clips, usual.clips),
        )  # fmt: skip

    whole = moved(layout)
    return whole if layout.for_clips is None else replace(whole, for_clips=moved(layout.for_clips))


def stages(dataset: "Dataset") -> tuple[Stage, ...]:
    """Return what `cut` makes of a dataset: windows of films, clips of the other videos."""
    found = tuple(stage for stage in (Stage.WINDOW, Stage.CLIP) if stage in dataset.stages)
    return found or (Stage.WINDOW if dataset.span else Stage.CLIP,)


def with_audio(given: dict[str, Any], made: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages with the sound beside them, if it is wanted: before frames, after everything else."""
    if not given.get("audio"):
        return made
    before = tuple(stage for stage in made if stage is not Stage.FRAMES)
    return (*before, Stage.AUDIO, *made[len(before) :])

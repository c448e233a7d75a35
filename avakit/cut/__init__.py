"""Cutting: a stretch of film as it is, packet by packet; one encoded anew; and the sound beside it."""

from avakit.cut.audio import Sound, sound
from avakit.cut.encoder import clip
from avakit.cut.packets import Cut, window, without_sound

__all__ = ["Cut", "Sound", "clip", "sound", "window", "without_sound"]

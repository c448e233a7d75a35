"""The root against its journal, or against a list, in both directions. Stops at nothing, names every finding."""

from avakit.verify.against import Against
from avakit.verify.checkpoint import Checkpoint
from avakit.verify.course import Verification
from avakit.verify.things import Depth, Thing

__all__ = ["Against", "Checkpoint", "Depth", "Thing", "Verification"]

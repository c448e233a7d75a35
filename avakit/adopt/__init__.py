"""Trees that others filled: media found in them are checked, hashed and recorded, and nothing of them is changed."""

from avakit.adopt.job import Candidate, Job, Left, Result, Work
from avakit.adopt.matching import Matching, keys_of, missing
from avakit.adopt.work import died, do

__all__ = ["Candidate", "Job", "Left", "Matching", "Result", "Work", "died", "do", "keys_of", "missing"]

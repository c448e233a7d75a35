"""One question about this machine, and its answer."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How grave a check's answer is; `fail` means that the machine can't do the job."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One question about this machine, its answer, and what to do about it."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""

"""What is known of the yt-dlp that is installed, and of the JavaScript runtimes it could use."""

from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version

from avakit.errors import ToolMissing


def age_days() -> int | None:
    """Return how old the installed yt-dlp is: its version is its date. None if there is none."""
    try:
        year, month, day = (int(part) for part in version("yt-dlp").split(".")[:3])
    except PackageNotFoundError:
        return None
    return (datetime.now(UTC).date() - date(year, month, day)).days


def require_runtime(text: str) -> str:
    """Return name and version of the JavaScript runtime `NAME` or `NAME:PATH`, which yt-dlp must accept.

    Raises
    ------
    ToolMissing
        If it is not there, or older than yt-dlp wants it.
    """
    import yt_dlp  # noqa: F401 - fills the table below
    from yt_dlp.globals import supported_js_runtimes

    name, _, path = text.partition(":")
    kind = supported_js_runtimes.value[name]
    found = kind(path=path or None).info
    if found is None:
        raise ToolMissing(f"--js-runtime {text}", "there is no such program; name its path: NAME:PATH")
    if not found.supported:
        needed = ".".join(str(part) for part in kind.MIN_SUPPORTED_VERSION)
        raise ToolMissing(f"--js-runtime {text}", f"version {found.version} is too old; yt-dlp needs {needed}")
    return f"{found.name} {found.version}"

"""The command line of this process, kept where what it makes can name it: without passwords and tokens."""

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from avakit import __version__
from avakit.layout import COMMANDS
from avakit.tools import files
from avakit.tools.http_policy import public_url

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def without_secrets(arguments: Sequence[str]) -> list[str]:
    """Return a command line without passwords and tokens: those in addresses, and what is passed through to yt-dlp."""
    shown = [_ADDRESS.sub(lambda match: public_url(match[0]), argument) for argument in arguments]
    for number, argument in enumerate(shown):
        if argument.startswith("--extractor-args=") or (number and shown[number - 1] == "--extractor-args"):
            shown[number] = argument[: argument.find(":") + 1] + "…"
    return shown


def keep(root: Path) -> str:
    """Keep the words of this command line under the root, once, and return their name: a part of their digest.

    Journal lines hold the name alone: 700 000 of them would repeat the words otherwise.
    """
    words = {"arguments": without_secrets(sys.argv[1:]), "avakit": __version__}
    text = json.dumps(words, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    data = text.encode(errors="backslashreplace") + b"\n"  # names of files may be any bytes
    name = hashlib.sha256(data).hexdigest()[:16]
    path = root / COMMANDS / f"{name}.json"
    if not path.exists():
        files.write_atomically(path, data)
    return name

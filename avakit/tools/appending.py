"""Lines at the end of a file that only this process writes."""

import os
from pathlib import Path

from avakit.tools import files, plainfile


def append_line(path: Path, line: str) -> None:
    """Append one line, whole or not at all, to a file that only this process writes; see it to the disk."""
    plainfile.steadily(lambda: path.parent.mkdir(parents=True, exist_ok=True))
    data = f"{line}\n".encode(errors="backslashreplace")  # names of files may be any bytes
    while not _append(path, data):
        pass  # somebody took the file for a dead process's, and moved it away


def _append(path: Path, line: bytes) -> bool:
    """Append; return whether the file still has its name afterwards."""
    descriptor = plainfile.descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    before = os.fstat(descriptor)
    try:
        data = memoryview(line)
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before.st_size)  # half a line would spoil the next one
        raise
    finally:
        os.close(descriptor)
    if not before.st_size:  # it is new
        files.sync_folder(path.parent)
    try:
        return os.path.samestat(before, path.stat())
    except FileNotFoundError:
        return False

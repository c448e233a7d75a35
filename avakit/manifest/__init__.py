"""Integrity manifests: views of the journal, in forms that others check without avakit. One file a format."""

from avakit.manifest.items import Header, read, sums_of
from avakit.manifest.sums import root, sha256sums
from avakit.manifest.whole import Seal, seal, write

__all__ = ["Header", "Seal", "read", "root", "seal", "sha256sums", "sums_of", "write"]

"""What the annotation files of a dataset hold, counted: tables, and figures drawn from them."""

from avakit.stats.annotations import Annotations, needed_files, read
from avakit.stats.report import Table, gather

__all__ = ["Annotations", "Table", "gather", "needed_files", "read"]

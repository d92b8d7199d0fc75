"""The curated tables: warehouse/curated/*.sql read, put in order, and built.

The SQL itself, and what it says of each table and column, stands in those files. What leaves the house is decided by
store/ from the levels that are written down here.
"""

from pipelines.curate.build import build_table
from pipelines.curate.tables import CuratedTable, dependencies, read_table, read_tables

__all__ = ["CuratedTable", "build_table", "dependencies", "read_table", "read_tables"]

"""What workspace.yaml loads. A table of contents, no logic; what stands in it is defs/."""

from pipelines.defs.assembly import defs

__all__ = ["defs"]

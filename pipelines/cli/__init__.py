"""The command `cccm`: it only asks and shows. What is done is defs/ and the rooms below.

Exit codes: 0 done, 1 a check failed, 2 it could not be done. No traceback reaches a user.
"""

from pipelines.cli.main import app, main

__all__ = ["app", "main"]

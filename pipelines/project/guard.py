"""How many submissions may vanish from a server at once before a person is asked: the setting.

What is made of it is archive/guard.py.
"""

from pydantic import Field

from pipelines.project.yaml_file import StrictModel


class Guard(StrictModel):
    """`guard:` of a source in sources.yml: what is refused is more than both `rows` and the `share` of what is known,
    or more than the `large_share` where at least `few` vanish.
    """

    rows: int = Field(default=50, ge=0)
    share: float = Field(default=0.02, ge=0, le=1)
    few: int = Field(default=5, ge=1)
    large_share: float = Field(default=0.2, ge=0, le=1)

"""What the project says about itself: its folders, its tools, its sources, and how our YAML files are read.

What forms ask belongs to forms/, what a crosswalk or a list of expectations may say to the room that obeys it: those
rooms read their files with `read_yaml` and a model of their own.
"""

from pipelines.project.folders import Project, prepare_dagster_home
from pipelines.project.source import Source, SourceAsset
from pipelines.project.tool import Calendar, Period, Tool
from pipelines.project.yaml_file import StrictModel, read_yaml

__all__ = [
    "Calendar",
    "Period",
    "Project",
    "Source",
    "SourceAsset",
    "StrictModel",
    "Tool",
    "prepare_dagster_home",
    "read_yaml",
]

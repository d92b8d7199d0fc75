"""crosswalk.yml says how older versions and other sources map onto today's questions; a mistake in it is named."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.project.crosswalk import Crosswalk, Layout, SplitRule, VersionEntry, read_crosswalk
from pipelines.project.layout import ColumnEntry, SubmittedAt

WHOLE = """
versions:
  2019-1:
    - {from: general/site_name, to: site, why: renamed in 2026}
    - {from: general/camp_open, to: site_open, recode: {Yes: "yes", No: "no"}}
    - from: who_what/PROTECTION
      split: {into: service, value: organisation, other: organisation_other, by: organisation_alias,
              set: {activity_area: protection}}
layouts:
  fsmt-map-2020:
    encoding: cp1252
    id: [site_name, month]
    missing: ["NA"]
    dates: ["%y-%b"]
    submitted_at: {column: month}
    columns:
      site_name: site
      site_typology: {to: site_type, recode: {Camp: camp}}
      wash/latrines: {unmapped: "derived from the two counts, never asked"}
"""


def read(folder: Path, text: str) -> Crosswalk:
    (folder / "crosswalk.yml").write_text(text, encoding="utf-8")
    return read_crosswalk(folder / "crosswalk.yml")


def test_a_crosswalk_is_read_as_the_value_it_says(tmp_path: Path) -> None:
    split = SplitRule(
        into="service",
        value="organisation",
        other="organisation_other",
        by="organisation_alias",
        set={"activity_area": "protection"},
    )
    assert read(tmp_path, WHOLE) == Crosswalk(
        versions={
            "2019-1": (
                VersionEntry(**{"from": "general/site_name"}, to="site", why="renamed in 2026"),
                VersionEntry(**{"from": "general/camp_open"}, to="site_open", recode={"Yes": "yes", "No": "no"}),
                VersionEntry(**{"from": "who_what/PROTECTION"}, split=split),
            )
        },
        layouts={
            "fsmt-map-2020": Layout(
                encoding="cp1252",
                id=("site_name", "month"),
                missing=("NA",),
                dates=("%y-%b",),
                submitted_at=SubmittedAt(column="month"),
                columns={
                    "site_name": ColumnEntry(to="site"),
                    "site_typology": ColumnEntry(to="site_type", recode={"Camp": "camp"}),
                    "wash/latrines": ColumnEntry(unmapped="derived from the two counts, never asked"),
                },
            )
        },
    )


def test_a_tool_needs_no_crosswalk(tmp_path: Path) -> None:
    assert read_crosswalk(tmp_path / "crosswalk.yml") == Crosswalk()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("versions:\n  '1':\n    - {from: a, too: b}\n", "line 3"),
        ("versions:\n  '1':\n    - {from: a}\n", "an entry says exactly one of 'to', 'split' and 'unmapped'"),
        ("versions:\n  '1':\n    - {from: a, to: b, unmapped: never}\n", "an entry says exactly one of"),
        ("versions:\n  '1':\n    - {to: b}\n", "from"),
        ("layouts:\n  old:\n    id: []\n    columns: {}\n", "an id is a list of columns, or 'hmac' with one: write"),
        ("layouts:\n  old:\n    id: {hmac: []}\n    columns: {}\n", "an id is a list of columns, or 'hmac'"),
        ("layouts:\n  old:\n    id: {hmac: [a], columns: [b]}\n    columns: {}\n", "an id is a list of columns"),
        ("layouts:\n  old:\n    id: [a]\n    dates: [dd/mm/yyyy]\n    columns: {}\n", "is no way to write a date"),
        ("layouts:\n  old:\n    id: [a]\n    zone: Baghdad\n    columns: {}\n", "is no offset from UTC: write one"),
        ("layouts:\n  old:\n    id: [a]\n    columns: {a: {unmapped: x, by: site_alias}}\n", "'by' looks up what"),
        ("versions:\n  '1':\n    - {from: a, to: b, by: site_alias}\n", "line 3"),
        ("layouts:\n  old:\n    id: [a]\n    columns: {a: {split: {into: s}}}\n", "line 4"),
        ("versions: [\n", "line"),
    ],
)
def test_a_mistake_is_named_with_its_file(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert f"{tmp_path}/crosswalk.yml" in str(refused.value)
    assert says in str(refused.value)


def test_a_layout_may_be_written_short(tmp_path: Path) -> None:
    text = "layouts:\n  old:\n    delimiter: %s\n    id: {hmac: [Family ID]}\n"
    text += "    columns: {Camp: {to: site, by: site_alias}}\n"
    for written, sign in (("tab", "\t"), ("'\\t'", "\t"), ('"\\t"', "\t"), ("semicolon", ";"), ("'|'", "|")):
        layout = read(tmp_path, text % written).layouts["old"]
        assert (layout.delimiter, layout.id.named, layout.id.columns) == (sign, ("Family ID",), ())
        assert layout.columns["Camp"] == ColumnEntry(to="site", by="site_alias")


def test_what_the_guide_shows_can_be_written(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "crosswalk.md").read_text(encoding="utf-8")
    found = read(tmp_path, guide.split("```yaml\n")[1].split("```")[0])
    rules = found.rules("2025-1", "partner_server")
    assert len(found.versions["2025-1"]) == len(rules.entries) - 1 + len(rules.computed)
    assert {line.way for line in rules.computed} == {"sum", "join", "coalesce", "choices", "interval", "constant"}

"""Lines that are proposed for the crosswalk, held against the lines that people wrote."""

import json
from pathlib import Path

import pytest
import yaml

from pipelines.forms.match import candidates, matches
from pipelines.forms.propose import Proposal, proposals
from pipelines.forms.read import form_of_kobo, read_form, read_markdown
from pipelines.project.crosswalk import Crosswalk, read_crosswalk

FSMT = Path(__file__).parents[2] / "xlsforms" / "fsmt"

OLD = """
| survey |
| | type | name | label::English (en) | label::Arabic (ar) |
| | select_one yn | camp_open | Is the camp open? | هل المخيم مفتوح؟ |
| | integer | m_0_4 | Males 0-4 | ذكور ٠-٤ |
| choices |
| | list_name | name | label::English (en) | label::Arabic (ar) |
| | yn | Yes | Yes | نعم |
| | yn | No | No | لا |
"""
NEW = (
    OLD.replace("camp_open", "site_open")
    .replace("the camp", "the site")
    .replace("| yn | Yes |", "| yn | yes_1 |")
    .replace("m_0_4 | Males 0-4 | ذكور ٠-٤", "m_0_2 | Males 0-2 | ذكور ٠-٢")
)


def test_a_line_names_its_evidence_and_the_codes_that_have_other_names() -> None:
    found = proposals(read_markdown(OLD), read_markdown(NEW))
    assert found == [
        Proposal("camp_open", "site_open", 0.792, "labels 0.75, name 0.50, choices 1.00", {"Yes": "yes_1"})
    ]
    text = "versions:\n  '1':\n" + found[0].written()
    (entry,) = Crosswalk.model_validate(yaml.safe_load(text)).versions["1"]
    assert (entry.from_, entry.to, entry.recode) == ("camp_open", "site_open", {"Yes": "yes_1"})


def test_what_a_line_joins_already_is_not_proposed_again() -> None:
    said = Crosswalk.model_validate({"versions": {"1": [{"from": "camp_open", "to": "site_open"}]}}).versions["1"]
    assert proposals(read_markdown(OLD), read_markdown(NEW), said) == []


def test_kobos_mark_of_a_row_is_nearly_proof(shared: Path) -> None:
    recorded = json.loads((shared / "reference/kobo-fixtures/zoo_asset_detail_v1.json").read_text())["content"]
    renamed = json.loads(json.dumps(recorded).replace('"name": "bc"', '"name": "scanned"'))
    old, new = form_of_kobo(recorded, "zoo", "1"), form_of_kobo(renamed, "zoo", "2")
    paired = matches(old, new)
    (found,) = candidates(paired.removed[0], old, new, paired.added)
    assert (paired.removed[0].path, found.path, found.score) == ("bc", "scanned", 0.99)


@pytest.mark.slow
def test_most_of_what_people_joined_is_proposed_and_little_else() -> None:
    old, new = (read_form(FSMT / f"{version}.xlsx", "fsmt", version) for version in ("2019-1", "2026-1"))
    joined = {entry.from_: entry.to for entry in read_crosswalk(FSMT / "crosswalk.yml").versions["2019-1"] if entry.to}
    renamed = {path for path, to in joined.items() if path.rpartition("/")[2].casefold() != to.casefold()}
    found = proposals(old, new)
    right = [line for line in found if joined.get(line.path) == line.to]
    precision, recall = len(right) / len(found), len(right) / len(renamed)
    print(f"\n{len(found)} lines proposed for {len(renamed)} renames: precision {precision:.2f}, recall {recall:.2f}")
    assert (precision > 0.85, recall > 0.8) == (True, True)

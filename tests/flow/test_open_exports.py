"""Exports that others published, loaded through their forms: every cell is in a column, or waits with its reason.

The layout of each is the one that `cccm forms layout` prints; a header that it leaves open gets the reason that is
named here. The real rounds of the FSMT, with the repository's own layout, are test_real_round.py.
"""

import csv
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.defs.syncing import sync
from pipelines.forms.adding import add_form
from pipelines.harmonize.build import build_tool
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.propose_layout import proposed_layout
from pipelines.project import Project, Source, SourceAsset
from pipelines.sources.headings import heads_of
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect, read_rows

OPEN = Path(__file__).parents[3] / "shared" / "data" / "open"
TOOL = "published"
ASSET = SourceAsset(tool=TOOL, asset="export", files="*.*", layout="export")

OPEN_LINE = re.compile(r'^      # (".*"): COLUMN, or \{unmapped: a reason\}$', re.MULTILINE)
NOT_ASKED = "the form does not ask it"
ONE_CHOICE = "one choice of a question that the file does not hold whole"


@dataclass(frozen=True)
class Export:
    """A published file, the form that asked for it, what must be said of both beside the proposal, and what it is."""

    data: str
    form: str | Callable[[Path], Path]
    rows: Mapping[str, int]
    received: int
    landed: int
    held: Mapping[str, int]
    unmapped: int
    noted: int = 0
    lines: str = ""
    """Further lines of the layout."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """Pattern of headers that the form does not ask -> why they go nowhere."""


def _book(path: Path, sheets: Mapping[str, list[list[str]]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([cell or None for cell in row])
    book.save(path)
    return path


def _read(name: str) -> list[list[str]]:
    with (OPEN / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def rasp_form(folder: Path) -> Path:
    """The form of the RASP of 2019, of which only the list of its fields was published: a question a field."""
    types = {"integer": "integer", "decimal": "decimal"}
    rows = [["type", "name", "label::field", "label::alias"]]
    fields = {row[0]: row for row in _read("cccmiraq__RASP/fields__20191126_5c3bd18.csv")[1:]}
    for number, (header, alias, kind, *_) in enumerate(fields.values()):
        rows.append([types.get(kind, "text"), f"q{number}", header, alias or header])
    return _book(folder / "rasp.xlsx", {"survey": rows})


def jmcna_form(folder: Path) -> Path:
    """The Somalia JMCNA, of which the two sheets were published as .csv files that R wrote."""
    folder_of = "mabafaba__koboquest/tests_testthat_test_data_example1_kobo"
    survey, choices = ([row[1:] for row in _read(f"{folder_of}_{sheet}.csv")] for sheet in ("questions", "choices"))
    kept = [choices[0].index(head) for head in ("list_name", "name", "label..English")]
    listed = [["list_name", "name", "label"], *([row[at] for at in kept] for row in choices[1:])]
    return _book(folder / "jmcna.xlsx", {"survey": survey, "choices": listed})


HUMIND = "impact-initiatives-hppu__humind.data"
MSNA = f"{HUMIND}/data-raw_REACH_2024_MSNA-kobo-tool_draft_v11.xlsx"
MSNA_ROWS = {
    TOOL: 241,
    **dict.fromkeys((f"{TOOL}__{name}" for name in ("roster", "edu_ind", "health_ind", "nut_ind")), 965),
}
MSNA_OWN = {"(.*/)?(row_id|uuid|index|person_id)": "the export's own", "stratum|weight": "of the analysis, never asked"}

EXPORTS = {
    "a Kobo export with a repeat": Export(
        data="Edouard-Legoupil__kobocruncher/inst_data.xlsx",
        form="Edouard-Legoupil__kobocruncher/inst_sample_xlsform.xlsx",
        reasons={"start|end": NOT_ASKED},
        rows={TOOL: 5, f"{TOOL}__members": 12},
        received=213,
        landed=49,
        held={"unmapped": 164},
        unmapped=23,
    ),
    "a Likert scale without a key": Export(
        data="Edouard-Legoupil__kobocruncher/inst_data_likert.xlsx",
        form="Edouard-Legoupil__kobocruncher/inst_form_likert.xlsx",
        rows={TOOL: 120},
        received=2160,
        landed=2160,
        held={},
        unmapped=0,
    ),
    "REACH MSNA 2024, four repeats": Export(
        data=f"{HUMIND}/data-raw_dummy_raw_data.xlsx",
        form=MSNA,
        reasons=MSNA_OWN,
        rows=MSNA_ROWS,
        received=121_788,
        landed=58_772,
        noted=482,
        held={"unmapped": 63_016},
        unmapped=236,
    ),
    "REACH MSNA 2024, the bulletin's": Export(
        data=f"{HUMIND}/bulletin_dummy_data.xlsx",
        form=MSNA,
        reasons=MSNA_OWN,
        rows=MSNA_ROWS,
        received=121_547,
        landed=58_772,
        noted=482,
        held={"unmapped": 62_775},
        unmapped=235,
    ),
    "UNHCR RMS, names parted by points": Export(
        data="unhcr-americas__IndicatorCalc/dummy_RMS_CATI_v0.xlsx",
        form="unhcr-americas__IndicatorCalc/RMS_CATI_v0.xlsx",
        reasons={r".*_\d+": ONE_CHOICE},
        rows={TOOL: 384, f"{TOOL}__S1": 384},
        received=141_312,
        landed=125_568,
        noted=768,
        held={"not_a_date": 1920, "unmapped": 13_824},
        unmapped=36,
    ),
    "RASP 2019, by its list of fields": Export(
        data="cccmiraq__RASP/rasp__20191127_bdc0179.csv",
        form=rasp_form,
        reasons={"(?s).*": "the published list of fields does not have it"},
        rows={TOOL: 124},
        received=12_671,
        landed=7_311,
        held={"unmapped": 5_360},
        unmapped=53,
    ),
    "Somalia JMCNA 2018, 925 columns": Export(
        data="mabafaba__koboquest/tests_testthat_test_data_example1_data.csv",
        form=jmcna_form,
        lines='    missing: ["NA"]\n    dates: ["%m/%d/%Y"]\n',
        reasons={"(?s).*": "computed by the analysis, never asked"},
        rows={TOOL: 10, f"{TOOL}__HHwaterloop": 0, f"{TOOL}__C_loop": 0},
        received=8_377,
        landed=2_697,
        noted=552,
        held={"unmapped": 5_680},
        unmapped=568,
    ),
    "UNHCR koboloadeR, written by R": Export(
        data="unhcr__koboloadeR/data_MainDataFrame.csv",
        form="unhcr__koboloadeR/data_form.xls",
        lines='    missing: ["NA"]\n',
        reasons={"instanceID": "the export's own"},
        rows={TOOL: 381, f"{TOOL}__ListCaseNos": 0, f"{TOOL}__IndBiodata": 0},
        received=92_583,
        landed=91_442,
        noted=25_677,
        held={"not_a_point": 381, "too_fine": 379, "unmapped": 381},
        unmapped=1,
    ),
}
LONG = {
    "REACH MSNA 2024, the bulletin's",
    "UNHCR RMS, names parted by points",
    "UNHCR koboloadeR, written by R",
    "Somalia JMCNA 2018, 925 columns",
}
"""Each takes ten seconds, and is like another."""


def made(export: Export, folder: Path) -> Project:
    """A project whose only tool asks what the export answers, with the layout that is proposed for it."""
    (folder / "xlsforms").mkdir()
    (folder / "reference").mkdir()
    project = Project(folder, folder / "data")
    form = export.form(folder) if callable(export.form) else OPEN / export.form
    add_form(project, form, TOOL, "1")
    heads = heads_of(OPEN / export.data)
    layout = proposed_layout(plan_of(project.tool(TOOL), []), "export", heads.sheets, heads.delimiter)
    layout = OPEN_LINE.sub(lambda found: _reason(export, found[1]), layout)
    layout = layout.replace("    columns:\n", f"{export.lines}    columns:\n")
    (project.xlsforms / TOOL / "crosswalk.yml").write_text(layout, encoding="utf-8")
    inbox = project.data / "inbox"
    inbox.mkdir(parents=True)
    shutil.copyfile(OPEN / export.data, inbox / Path(export.data).name)
    return project


def _reason(export: Export, header: str) -> str:
    why = next((why for pattern, why in export.reasons.items() if re.fullmatch(pattern, json.loads(header))), "")
    assert why, f"{header} is open"
    return f"      {header}: {{unmapped: {json.dumps(why)}}}"


def loaded(project: Project) -> dict[str, object]:
    """Sync and build; what came of it."""
    source = Source(name="files", kind="export_file", folder=project.data / "inbox", assets=(ASSET,))
    outcome = sync(project, source, ASSET, Wish())
    assert outcome.error is None, outcome.error
    with connect(project.work_file) as con:
        report = build_tool(con, project, project.tool(TOOL))
        (line,) = report.balance
        held = read_rows(con, "SELECT reason, count(*) AS n FROM ledger.quarantine GROUP BY ALL ORDER BY ALL")
        told = read_rows(con, "SELECT path, reason FROM ledger.quarantine WHERE reason = 'unmapped' GROUP BY ALL")
        whys = read_rows(con, "SELECT count(*) AS n FROM codebook.mapping WHERE how = 'unmapped' AND why = ''")
    assert (report.balanced, line.unbalanced, line.unreadable) == (True, 0, 0)
    assert line.received == line.landed + line.split + line.quarantined
    assert whys[0]["n"] == 0, "every column that goes nowhere says why"
    return {
        "rows": report.rows,
        "received": line.received,
        "landed": line.landed,
        "noted": line.noted,
        "held": {row["reason"]: row["n"] for row in held},
        "unmapped": len(told),
    }


absent = pytest.mark.skipif(
    not OPEN.is_dir(), reason="shared/data with published exports is not beside this repository"
)


@absent
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in EXPORTS]
)
def test_every_answer_of_a_published_export_is_accounted_for(tmp_path: Path, name: str) -> None:
    export = EXPORTS[name]
    found = loaded(made(export, tmp_path))
    assert found == {
        "rows": export.rows,
        "received": export.received,
        "landed": export.landed,
        "noted": export.noted,
        "held": export.held,
        "unmapped": export.unmapped,
    }

"""Every workbook of the open data is a form that can be taken in as a tool, or is refused with sheet, reason, remedy.

What others published is what partners will send us: forms of two hundred questions, of four languages, old .xls files;
and beside them exports, mappers and templates, which are no forms.
"""

from pathlib import Path

import pytest

from pipelines.errors import SchemaError
from pipelines.forms.adding import add_form
from pipelines.forms.lint import remarks_of
from pipelines.forms.read import read_form
from pipelines.harmonize.codebook import codebook_of_forms
from pipelines.project import Project
from pipelines.store.duck import in_memory, read_rows

OPEN = Path(__file__).parents[3] / "shared" / "data" / "open"

READ: dict[str, tuple[int, int, str, str]] = {
    "Edouard-Legoupil__kobocruncher/inst_form_likert.xlsx": (20, 0, "default", "L208"),
    "Edouard-Legoupil__kobocruncher/inst_sample_xlsform.xlsx": (9, 1, "default", ""),
    "Edouard-Legoupil__kobocruncher/inst_sample_xlsform_with_plan.xlsx": (165, 3, "default", ""),
    "impact-initiatives-hppu__humind.data/data-raw_REACH_2024_MSNA-kobo-tool_draft_v11.xlsx": (
        251,
        4,
        "english, french",
        "L104 L108 L212",
    ),
    "mhkhan27__11_IRQ_informal_site_analysis/03_tools_02_sites_tool_site.xlsx": (64, 0, "English, Arabic", "L108 L212"),
    "mhkhan27__AFG_2020_Surge/AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.xls": (
        296,
        0,
        "English, Dari, pash",
        "L108 L208 L212",
    ),
    "mhkhan27__AFG_2020_Surge/AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.xlsx": (
        296,
        0,
        "English, Dari, pash",
        "L108 L212",
    ),
    "mhkhan27__AFG_2020_Surge/AFG2003a_Tool_2_Partners_Kobo_Final_27052020.xls": (
        194,
        0,
        "English, Dari, pash",
        "L108 L208 L212",
    ),
    "unhcr-americas__IndicatorCalc/RMS_CATI_v0.xlsx": (338, 1, "en, es, fr, ar", "L108 L204 L212"),
    "unhcr-americas__XlsFormUtil/inst_KoBoXLSFormExamples.xlsx": (1, 0, "english, default", "L108 L212"),
    "unhcr__koboloadeR/data_form.xls": (294, 2, "default", "L109 L204 L205 L208"),
    "unhcr__koboloadeR/inst_script_XLSform_template.xlsx": (33, 0, "English, Dari", "L108 L212"),
    "unhcr__koboloadeR/inst_script_form.xls": (294, 2, "default", "L109 L204 L205 L208"),
    "williameoswald__compareXLSForms/inst_extdata_sample1.xlsx": (4, 0, "English, Francais", "L108 L212"),
    "williameoswald__compareXLSForms/inst_extdata_sample2.xlsx": (5, 0, "English, Francais", "L108 L212"),
}
"""File -> (questions, repeats, languages, the rules of `cccm forms check` that speak of it seriously)."""

LIKE_ANOTHER = {
    "mhkhan27__AFG_2020_Surge/AFG2003a_Tool_1_HH_Survey_Kobo_Final_27052020v4.xlsx",
    "unhcr-americas__IndicatorCalc/RMS_CATI_v0.xlsx",
    "unhcr__koboloadeR/inst_script_form.xls",
}
"""Large ones that try nothing that a shorter one does not; they are read by `make test-slow`."""

NO_SHEET = "the workbook has no rows in a sheet named 'survey'; add one"
NO_TYPE = "the sheet 'survey' has no column 'type' in its first row; add one"
REFUSED = {
    "Edouard-Legoupil__kobocruncher/inst_data.xlsx": NO_SHEET,
    "Edouard-Legoupil__kobocruncher/inst_data_likert.xlsx": NO_TYPE,
    "impact-initiatives-hppu__humind.data/bulletin_dummy_data.xlsx": NO_SHEET,
    "impact-initiatives-hppu__humind.data/bulletin_sampling_frame.xlsx": NO_TYPE,
    "impact-initiatives-hppu__humind.data/bulletin_update-kobo-tool.xlsx": NO_SHEET,
    "impact-initiatives-hppu__humind.data/data-raw_dummy_raw_data.xlsx": (
        "has 201,836 cells, more than any form; take the sheets that are no form out of it."
    ),
    "impact-initiatives-hppu__humind.data/data-raw_loa.xlsx": NO_SHEET,
    "impact-initiatives__cleaningtools/"
    "inst_extdata_Research_cycle_data_cleaning_logbook_template_v4_202331_AA.xlsx": NO_SHEET,
    "unhcr-americas__IndicatorCalc/RMS_CATI_v0_mapper.xlsx": (
        "sheet 'survey', row 3: the question 'group_Part2.P2.S2.HEA01' stands already in row 2; rename one of them."
    ),
    "unhcr-americas__IndicatorCalc/dummy_RMS_CATI_v0.xlsx": NO_SHEET,
}
"""File -> what is said of it: what is no form says so with the sheet, and what to do."""

absent = pytest.mark.skipif(not OPEN.is_dir(), reason="shared/data with published forms is not beside this repository")


@absent
def test_no_workbook_of_the_open_data_is_left_out() -> None:
    there = {path.relative_to(OPEN).as_posix() for path in OPEN.rglob("*") if path.suffix in {".xls", ".xlsx", ".xlsm"}}
    assert there == READ.keys() | REFUSED.keys()


@absent
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] if name in LIKE_ANOTHER else []) for name in READ],
    ids=lambda name: Path(name).name[:40],
)
def test_a_published_form_becomes_a_tool_with_its_codebook(tmp_path: Path, name: str) -> None:
    questions, repeats, languages, rules = READ[name]
    (tmp_path / "xlsforms").mkdir()
    project = Project(tmp_path, tmp_path / "data")
    added = add_form(project, OPEN / name, "published", "1")
    form = added.form
    assert (len(form.questions), len(form.repeats), ", ".join(form.languages)) == (questions, repeats, languages)
    assert form == read_form(OPEN / name, "published", "1")
    said = {remark.code for remark in remarks_of(OPEN / name, form) if remark.serious}
    assert " ".join(sorted(said)) == rules
    with in_memory() as con:
        codebook_of_forms(con, project.tool("published"))
        asked = "SELECT count(*) AS n, count(DISTINCT table_name) AS t FROM codebook.question WHERE column_name <> ''"
        tables = {repeat for question in form.questions for repeat in question.repeats[-1:]} | {""}
        assert read_rows(con, asked) == [{"n": questions, "t": len(tables)}]


@absent
@pytest.mark.parametrize("name", REFUSED, ids=lambda name: Path(name).name[:40])
def test_a_published_workbook_that_is_no_form_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "xlsforms").mkdir()
    with pytest.raises(SchemaError) as refused:
        add_form(Project(tmp_path, tmp_path / "data"), OPEN / name, "published", "1")
    assert str(refused.value).startswith(str(OPEN / name))
    assert REFUSED[name] in str(refused.value)
    assert list((tmp_path / "xlsforms").iterdir()) == []

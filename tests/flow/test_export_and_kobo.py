"""The same families by Kobo and by another system's export: one table, the same rows, and each counted once."""

import hmac
import json
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from tests.flow.cluster import TOKEN
from tests.flow.exits import TOOL, Exits, assist_file, exits, families

QUESTIONS = "family_id, site, departure_date, asked_at, asked_at_offset, departure_type, needs, members, debt, comment"


WRITTEN = [("cp1256", " "), ("utf-16", "، "), ("utf-8-sig", ", "), ("utf-8", ";")]


def test_families_of_both_systems_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCCM_DEMO_TOKEN", TOKEN)
    told = families(0, 40)
    with exits(tmp_path) as cluster:
        cluster.send(told)
        for part, (encoding, joined_by) in enumerate(WRITTEN):
            rows = [family.as_assist(number, joined_by) for number, family in enumerate(told[part::4])]
            (cluster.inbox / f"exit_{part}.csv").write_bytes(assist_file(rows, encoding))
        assert cluster.harmonize() == []
        assert cluster.balanced()
        of = {
            source: cluster.rows(
                f"SELECT {QUESTIONS} FROM harmonized.{TOOL} WHERE _source = '{source}' ORDER BY family_id"
            )
            for source in ("kobo", "assist")
        }
        assert of["assist"] == of["kobo"]
        assert len(of["kobo"]) == 40
        answered = {name: sum(row[name] is not None for row in of["kobo"]) for name in of["kobo"][0]}
        assert all(20 < answers <= 40 for answers in answered.values()), answered
        assert cluster.rows("SELECT path FROM ledger.quarantine WHERE reason <> 'unmapped'") == []


def test_30_of_100_families_in_both_are_130_rows_30_findings_and_100_counted(tmp_path: Path) -> None:
    with exits(tmp_path) as cluster:
        cluster.send(families(0, 70))
        rows = [{**family.as_assist(0), "اسم المخيم": "ashti"} for family in families(40, 100)]
        for row in rows[:10]:
            row["رقم العائلة"] = f" {row['رقم العائلة'].lower().replace('0', '٠')}\u200f"
        (cluster.inbox / "exit_2026.csv").write_bytes(assist_file(rows, "utf-8"))
        assert cluster.cluster.cccm("run").code == 0
        assert cluster.balanced()
        assert cluster.rows(f"SELECT _source, count(*) AS n FROM harmonized.{TOOL} GROUP BY ALL ORDER BY ALL") == [
            {"_source": "assist", "n": 60},
            {"_source": "kobo", "n": 70},
        ]
        findings = cluster.rows("SELECT * FROM quality.finding ORDER BY _id")
        assert {(one["rule"], one["layer"], one["severity"], one["_source"]) for one in findings} == {
            ("same_record", "harmonized", "warning", "assist")
        }
        assert len(findings) == 30
        kept = cluster.rows(f"SELECT _id, family_id FROM harmonized.{TOOL} WHERE _source = 'kobo'")
        id_of = {row["family_id"]: row["_id"] for row in kept}
        again = {row["_id"]: row["family_id"] for row in cluster.rows(f"FROM harmonized.{TOOL} WHERE _source='assist'")}
        plain = {number: str(number).strip().strip("\u200f").upper().replace("٠", "0") for number in again.values()}
        assert {one["_id"]: one["proposal"] for one in findings} == {
            _id: f"remove_survey: kobo/aExitInterview/{id_of[plain[number]]} counts in its place"
            for _id, number in again.items()
            if plain[number] in id_of
        }
        assert cluster.rows(f"SELECT count(DISTINCT _id) AS n FROM clean.{TOOL}") == [{"n": 100}]
        assert cluster.rows("SELECT DISTINCT why FROM quality.superseded") == [
            {"why": "the same family_id: another source is preferred"}
        ]
        without_camp = sum("site" not in family.answers for family in families(0, 70))
        counted = cluster.rows("SELECT sum(families) AS n FROM curated.exit_count")
        assert counted == [{"n": 100 - without_camp}]
        assert cluster.cluster.cccm("build").code == 0
        assert len(cluster.rows("SELECT * FROM quality.finding")) == 30


def test_a_familys_number_is_in_no_key_and_the_key_to_it_is_ours_alone(tmp_path: Path) -> None:
    (family,) = families(7, 8)
    with exits(tmp_path, with_kobo=False) as cluster:
        file = cluster.inbox / "exit_1.csv"
        file.write_bytes(assist_file([family.as_assist(1)]))
        assert cluster.harmonize() == []
        key_file = cluster.cluster.project.key_file
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        key = bytes.fromhex(key_file.read_text().strip())
        assert len(key) == 32
        expected = hmac.new(key, b"irq-00000007", sha256).hexdigest()
        (kept,) = cluster.archived("SELECT root_id, raw FROM submission")
        cells = {name: text for name, text in family.as_assist(1).items() if text}
        assert (kept["root_id"], json.loads(kept["raw"])) == (expected, cells)
        assert cluster.rows(f"SELECT _id, _server_id FROM harmonized.{TOOL}") == [{"_id": expected, "_server_id": ""}]


def test_the_same_file_twice_changes_nothing_and_a_corrected_one_is_edits(tmp_path: Path) -> None:
    told = families(0, 20)
    rows = [family.as_assist(number) for number, family in enumerate(told)]
    with exits(tmp_path, with_kobo=False) as cluster:
        export = tmp_path / "exit_october.csv"
        export.write_bytes(assist_file(rows))
        put = ("sync", "--source", "assist", "--file", str(export))
        assert cluster.cluster.cccm(*put).code == 0
        before = cluster.archived("SELECT * FROM submission ORDER BY root_id")
        assert cluster.cluster.cccm(*put).code == 0
        assert cluster.archived("SELECT * FROM submission ORDER BY root_id") == before
        corrected = [*rows[1:], {**rows[0], "الأفراد": "99"}]
        export.write_bytes(assist_file(corrected, "utf-8"))
        assert cluster.cluster.cccm(*put).code == 0
        counted = cluster.archived("SELECT seen, new, edited, deleted, complete FROM sync_run ORDER BY run")
        assert [tuple(run.values()) for run in counted] == [
            (20, 20, 0, 0, True),
            (20, 0, 0, 0, True),
            (20, 0, 1, 0, True),
        ]
        assert [path.name for path in cluster.inbox.iterdir()] == ["exit_october.csv"]
        assert cluster.harmonize() == []
        members = cluster.rows(f"SELECT members FROM harmonized.{TOOL} WHERE family_id = 'IRQ-00000000'")
        assert members == [{"members": 99}]


OPEN = [
    {"column": "اسم المخيم", "text": "Camp Nowhere, old", "answers": 2},
    {"column": "الاحتياجات", "text": "بطانيات", "answers": 3},
    {"column": "اللون", "text": "", "answers": 20},
    {"column": "الوجهة", "text": "المريخ", "answers": 1},
]
COUNTED = [("اسم المخيم", 1, 2), ("الاحتياجات", 1, 3), ("اللون", 0, 20), ("الوجهة", 1, 1)]


def test_what_no_layout_says_is_named_with_the_line_that_rescues_it(tmp_path: Path) -> None:
    rows = [{**family.as_assist(number), "اللون": "أحمر"} for number, family in enumerate(families(0, 20))]
    rows[3]["الوجهة"] = "المريخ"
    rows[4]["اسم المخيم"] = rows[5]["اسم المخيم"] = "Camp Nowhere, old"
    rows[6]["الاحتياجات"] = "ماء، بطانيات"
    rows[7]["الاحتياجات"] = "بطانيات, نقد"
    rows[8]["الاحتياجات"] = "نقد بطانيات"
    with exits(tmp_path, with_kobo=False) as cluster:
        export = tmp_path / "exit_october.csv"
        export.write_bytes(assist_file(rows, "utf-8"))
        done = cluster.cluster.cccm("sync", "--source", "assist", "--file", str(export))
        assert done.code == 0
        assert (
            "1 columns are not in layout 'assist-2018' and wait in quarantine ('اللون'): add them to crosswalk.yml; "
            "3 texts are none that layout 'assist-2018' or the form knows ('اسم المخيم': 1, 'الاحتياجات': 1, "
            "'الوجهة': 1); `cccm unmapped exit_interview --show-values` names them after the next build, each with "
            "the line that maps it"
        ) in " ".join(done.err.split())
        assert "المريخ" not in done.err
        assert cluster.harmonize()[0].startswith("1 columns are not in layout")
        assert cluster.balanced()
        counted = cluster.cluster.answer("unmapped", TOOL)
        assert [(row["column"], row["texts"], row["answers"]) for row in counted] == COUNTED
        assert [bool(row["line"]) for row in counted] == [False, False, True, False]  # which names a column, no text
        assert not any("text" in row for row in counted)
        named = cluster.cluster.answer("unmapped", TOOL, "--show-values")
        assert [{name: row[name] for name in ("column", "text", "answers")} for row in named] == OPEN
        held = cluster.rows("SELECT reason, count(*) AS n FROM ledger.quarantine GROUP BY ALL ORDER BY ALL")
        assert held == [
            {"reason": "not_in_list", "n": 3},
            {"reason": "not_in_reference", "n": 2},
            {"reason": "unknown_key", "n": 20},
            {"reason": "unmapped", "n": 20},
        ]
        assert cluster.rows("SELECT text FROM ledger.note WHERE reason = 'not_in_list'") == [{"text": "المريخ"}]
        lines = {row["column"]: row["line"] for row in named}
        assert lines == {
            "اللون": "xlsforms/exit_interview/crosswalk.yml, layouts, assist-2018, columns: add the line "
            '"اللون": COLUMN, or unmapped with a reason',
            "اسم المخيم": 'warehouse/reference/site_alias.csv: add the line "Camp Nowhere, old",CODE',
            "الاحتياجات": "xlsforms/exit_interview/crosswalk.yml, layouts, assist-2018, columns, "
            '"الاحتياجات", recode: add the line "بطانيات": CODE',
            "الوجهة": 'xlsforms/exit_interview/crosswalk.yml, layouts, assist-2018, columns, "الوجهة", recode: '
            'add the line "المريخ": CODE',
        }
        _obey(cluster.cluster.project.root)
        assert cluster.harmonize() == []
        assert cluster.cluster.answer("unmapped") == []
        assert cluster.rows("SELECT DISTINCT reason FROM ledger.quarantine") == [{"reason": "unmapped"}]
        rescued = cluster.rows(
            f"SELECT needs FROM harmonized.{TOOL} WHERE family_id IN ('IRQ-00000006', 'IRQ-00000007', 'IRQ-00000008') "
            "ORDER BY family_id"
        )
        assert [row["needs"] for row in rescued] == [["water", "cash"], ["cash"], ["cash"]]


def _obey(root: Path) -> None:
    """Write the lines where they say, with codes in place of CODE and COLUMN."""
    crosswalk = root / "xlsforms" / TOOL / "crosswalk.yml"
    text = crosswalk.read_text(encoding="utf-8")
    text = text.replace("الوجهة: departure_type", 'الوجهة: {to: departure_type, recode: {"المريخ": other}}')
    text = text.replace("الاحتياجات: needs", 'الاحتياجات: {to: needs, recode: {"بطانيات": cash}}')
    crosswalk.write_text(text + '      "اللون": {unmapped: "never asked"}\n', encoding="utf-8")
    with (root / "warehouse" / "reference" / "site_alias.csv").open("a", encoding="utf-8") as aliases:
        aliases.write('"Camp Nowhere, old",IQ0510-0001\n')


REFUSED = [
    ("other.csv", [], "no pattern of it matches the file other.csv (it has 'exit_*.*' (exit_interview))"),
    ("exit_1.csv", ["--source", "kobo"], "is of kind kobo and takes no files"),
    ("exit_1.csv", ["--source", "assist", "--source", "kobo"], "--file needs the one source"),
    ("exit_gone.csv", [], "is no file that we can see"),
    (".exit_1.csv", [], "no pattern of it matches"),
    ("exit_bad.csv", [], "has no column 'رقم العائلة', which layout 'assist-2018' needs"),
]


@pytest.mark.parametrize(("name", "words", "why"), REFUSED, ids=[why for *_, why in REFUSED])
def test_a_file_that_is_not_meant_is_not_let_in(tmp_path: Path, name: str, words: list[str], why: str) -> None:
    with exits(tmp_path) as cluster:
        if "gone" not in name:
            bad = b"a,b\n1,2\n"
            content = bad if "bad" in name else assist_file([family.as_assist(1) for family in families(0, 1)])
            (tmp_path / name).write_bytes(content)
        done = cluster.cluster.cccm("sync", *(words or ["--source", "assist"]), "--file", str(tmp_path / name))
        assert (done.code, list(cluster.inbox.iterdir())) == (2, [])
        assert why in " ".join(done.err.split())


def test_a_file_that_two_tools_would_read_is_refused(tmp_path: Path) -> None:
    with exits(tmp_path, with_kobo=False) as cluster:
        root = cluster.cluster.project.root
        (root / "xlsforms" / "intentions").mkdir()
        (root / "xlsforms" / "intentions" / "tool.yml").write_text("title: Intentions\n")
        sources = root / "xlsforms" / "sources.yml"
        sources.write_text(sources.read_text().replace("layout: assist-2018}}", MEANT_TWICE))
        file = tmp_path / "exit_1.csv"
        file.write_bytes(assist_file([family.as_assist(1) for family in families(0, 1)]))
        done = cluster.cluster.cccm("sync", TOOL, "--source", "assist", "--file", str(file))
        assert done.code == 2
        assert (
            "the file exit_1.csv may be meant for 'exit_*.*' (exit_interview, assist-2018) and '*.csv' (intentions, "
            "assist-2019)"
        ) in " ".join(done.err.split())
        assert list(cluster.inbox.iterdir()) == []


MEANT_TWICE = 'layout: assist-2018}, intentions: {files: "*.csv", layout: assist-2019}}'


def test_with_another_key_no_record_comes_a_second_time(tmp_path: Path) -> None:
    rows = [family.as_assist(number) for number, family in enumerate(families(0, 3))]
    with exits(tmp_path, with_kobo=False) as cluster:
        (cluster.inbox / "exit_1.csv").write_bytes(assist_file(rows))
        key_file = cluster.cluster.project.key_file
        assert _error(cluster) == ""
        kept = key_file.read_text()
        key_file.unlink()
        lost = _error(cluster)
        assert "is gone, and records were archived with the key in it: put it back" in lost
        key_file.touch(mode=0o600)
        key_file.write_text("00" * 32)
        other = _error(cluster)
        assert "every row would come a second time" in other
        key_file.chmod(0o644)
        seen = _error(cluster)
        assert "can be read by others" in seen
        assert cluster.archived("SELECT count(*) AS n FROM submission") == [{"n": 3}]
        key_file.chmod(0o600)
        key_file.write_text(kept)
        assert _error(cluster) == ""
        assert kept.strip() not in lost + other + seen


def _error(cluster: Exits) -> str:
    (outcome,) = cluster.sync()
    return str(outcome.error or "")

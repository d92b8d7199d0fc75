"""The matrix of the 3W service mapping: a row for each open camp, a column for each activity area.

The lists beside it are service_3w.py.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from pipelines.products.workbook import A3, Book, Cell, Column, Row, Sheet, Styled, first_day
from pipelines.store.duck import Connection, read_rows, read_value

TOP = 7  # the headings, below the main figures and the names of the clusters

SITE = (
    Column("Governorate", 14),
    Column("Camp", 19),
    Column("المخيم", 16, "arabic"),
    Column("People", 9, "count"),
    Column("Report", 9.5, "month"),
)

SHOWN = """
    shown AS (
        SELECT w.* FROM curated.service_3w AS w LEFT JOIN curated.site AS s ON s.site = w.site
        WHERE w.latest AND (s.is_open OR s.site IS NULL)
    )"""
"""The services of the camps in the matrix: those that are open, and those that the master list does not know."""

Area = Mapping[str, Any]
Named = Mapping[tuple[str, str], Sequence[str]]


def write_matrix(book: Book, con: Connection, subtitle: str) -> None:
    """Write who provides what in each open camp, with the gaps in red."""
    areas = _areas(con)
    named, gaps = _named(con), _gaps(con)
    columns = (*SITE, *(Column(area["name_en"], 12.5, "names") for area in areas), Column("Gaps", 6, "count_bold"))
    sheet = book.sheet("Camps by area", subtitle, paper=A3, title=f"{book.title}: camps by activity area")
    book.figures(sheet, 3, _figures(con, len(gaps)))
    _write_clusters(book, sheet, areas)
    end = book.table(sheet, TOP, columns, (_row(site, areas, named, gaps) for site in _sites(con)))
    sheet.autofilter(TOP, 0, max(end - 1, TOP + 1), len(columns) - 1)
    book.rows(sheet, end, columns, [_gap_row(areas, gaps)])
    sheet.freeze_panes(TOP + 1, 2)
    sheet.repeat_rows(TOP - 1, TOP)


def _areas(con: Connection) -> list[Area]:
    """Every activity area, those of one cluster side by side."""
    sql = """
        SELECT *, try_cast(position AS INTEGER) AS place FROM reference.activity_area
        ORDER BY min(place) OVER (PARTITION BY cluster), cluster, place, activity_area"""
    return list(read_rows(con, sql))


def _sites(con: Connection) -> list[Mapping[str, Any]]:
    """The camps to show: open ones, and any that reported without being in the master list."""
    sql = f"""
        WITH {SHOWN}
        SELECT site, site_name, site_name_ar, adm1_name, individuals, fsmt_period AS period
        FROM curated.site WHERE is_open
        UNION ALL
        SELECT DISTINCT site, site_name, NULL, NULL, NULL, period FROM shown
        WHERE site NOT IN (SELECT site FROM curated.site)
        ORDER BY adm1_name NULLS LAST, site_name, site"""
    return list(read_rows(con, sql))


def _named(con: Connection) -> Named:
    """The short names in each cell, a donor marked as such unless it also provides."""
    sql = f"""
        WITH {SHOWN}
        SELECT site, activity_area, organisation_acronym AS name, bool_and(coalesce(role = 'donor', FALSE)) AS only_pays
        FROM shown WHERE activity_area IS NOT NULL
        GROUP BY site, activity_area, organisation_acronym
        ORDER BY site, activity_area, only_pays, lower(organisation_acronym), organisation_acronym"""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in read_rows(con, sql):
        found[row["site"], row["activity_area"]].append(row["name"] + (" (donor)" if row["only_pays"] else ""))
    return found


def _gaps(con: Connection) -> frozenset[tuple[str, str]]:
    rows = read_rows(con, "SELECT site, activity_area FROM curated.service_gap")
    return frozenset((row["site"], row["activity_area"]) for row in rows)


def _row(site: Mapping[str, Any], areas: Sequence[Area], named: Named, gaps: frozenset[tuple[str, str]]) -> Row:
    cells = [_cell(site, (site["site"], area["activity_area"]), named, gaps) for area in areas]
    return (
        site["adm1_name"] or "(not in the master list)",
        site["site_name"],
        site["site_name_ar"],
        site["individuals"],
        first_day(site["period"]) or site["period"],
        *cells,
        sum((site["site"], area["activity_area"]) in gaps for area in areas) if site["period"] else None,
    )


def _cell(
    site: Mapping[str, Any], place: tuple[str, str], named: Named, gaps: frozenset[tuple[str, str]]
) -> Cell | Styled:
    if site["period"] is None:
        return Styled("no report", "unknown")
    names = ", ".join(named.get(place, ()))
    return Styled(names or "no provider", "gap") if place in gaps else names


def _gap_row(areas: Sequence[Area], gaps: frozenset[tuple[str, str]]) -> Row:
    count = Counter(area for _, area in gaps)
    return (
        Styled("Camps with no provider", "total"),
        *(Styled(None, "total") for _ in SITE[1:]),
        *(Styled(count[area["activity_area"]], "total_centre") for area in areas),
        Styled(len(gaps), "total_count"),
    )


def _figures(con: Connection, gaps: int) -> list[tuple[str, int, int, Cell]]:
    def count(what: str, where: str) -> Cell:
        sql = f"WITH {SHOWN} SELECT count(DISTINCT {what}) FROM shown WHERE {where}"
        return int(read_value(con, sql))

    silent = read_value(con, "SELECT count(*) FROM curated.site WHERE is_open AND fsmt_period IS NULL")
    return [
        ("Organisations", 0, 0, count("organisation", "resolved")),
        ("Camps with a report", 1, 1, count("site", "TRUE")),
        ("Open camps without", 2, 2, silent),
        ("Gaps", 3, 4, gaps),
        ("Unresolved names", 5, 6, count("organisation_name", "NOT resolved")),
    ]


def _write_clusters(book: Book, sheet: Sheet, areas: Sequence[Area]) -> None:
    """Write the cluster above its areas, once for those that stand together."""
    column = len(SITE)
    for cluster, together in groupby(areas, key=lambda area: area["cluster"]):
        last = column + len(list(together)) - 1
        book.band(sheet, TOP - 1, (column, last), cluster, "head_group")
        column = last + 1

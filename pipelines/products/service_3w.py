"""The 3W service mapping: who provides what in which camp, and where nobody does.

What counts as a provider or a gap is warehouse/curated/service_3w.sql and service_gap.sql; here it is laid out. The
matrix has a module of its own, service_matrix.py.
"""

from pathlib import Path

from pipelines.products.product import Context, Notes, Product, write_read_me
from pipelines.products.service_matrix import SHOWN, write_matrix
from pipelines.products.workbook import Book, Column, Sheet, day_name, first_day, month_name, new_book
from pipelines.store.duck import Connection, read_rows

TITLE = "Service mapping (3W)"
TOP = 3

NOTES = Notes(
    about="Who does what where: the organisations that provide services in the formal camps.",
    reading=(
        ("Name in a cell", "short name of an organisation that provides this service in this camp"),
        ("(donor)", "pays for the service without providing it; a donor alone leaves the gap open"),
        ("Red, “no provider”", "the camp's latest monitoring report names no provider in this area: a gap"),
        ("Grey, “no report”", "the camp is open, but no monitoring report of it is known: neither provider nor gap"),
        ("Report", "month of the camp's latest monitoring report; camps need not have the same"),
    ),
    caveats=(
        "Services are reported by camp managers and service providers; presence says nothing of quality or coverage.",
        "A gap means that no provider was named. It may be a gap in the report: ask before acting on it.",
        "The agency that manages a camp counts as its provider of camp management, whether or not it was named there.",
        "Different spellings of one organisation are one organisation. Names that we do not know yet are in the sheet "
        "“Unresolved names”, each as it was written; they count as providers.",
        "Only camps that are open by the latest report, or by the master list where there is none, are shown.",
    ),
    tables=("service_3w", "service_gap"),
)


def write(con: Connection, path: Path, context: Context) -> None:
    """Write the workbook from each open camp's latest monitoring report."""
    subtitle = (
        f"CCCM Cluster. Data as of {day_name(context.as_of)}, from each camp's latest monitoring report. "
        "Sources and caveats: sheet “Read me”."
    )
    with new_book(path, TITLE, context.as_of) as book:
        write_matrix(book, con, subtitle)
        _write_gaps(book, con, subtitle)
        _write_organisations(book, con, subtitle)
        _write_unresolved(book, con, subtitle)
        sources = [("Form", "Formal Site Monitoring Tool (FSMT)"), *_sources(con)]
        write_read_me(book, con, context, NOTES, sources)


SERVICE_3W = Product(
    name="service_3w",
    title=TITLE,
    tables=frozenset({"curated.service_3w", "curated.service_gap", "curated.site", "reference.activity_area"}),
    write=write,
)


def _write_gaps(book: Book, con: Connection, subtitle: str) -> None:
    """Write a row for each camp and area without a provider."""
    sheet = book.sheet("Gaps", subtitle, title="Gaps: camps with no provider in an area", landscape=False)
    columns = (
        Column("Governorate", 15),
        Column("District", 15),
        Column("Camp", 22),
        Column("المخيم", 18, "arabic"),
        Column("People", 10, "count"),
        Column("Activity area without provider", 36, "bold"),
        Column("Cluster", 20),
        Column("Report", 11, "month"),
    )
    order = "adm1_name NULLS LAST, site_name, site, position, activity_area"
    gaps = read_rows(con, f"FROM curated.service_gap ORDER BY {order}")
    end = book.table(sheet, TOP, columns, (
        (gap["adm1_name"], gap["adm2_name"], gap["site_name"], gap["site_name_ar"], gap["individuals"],
         gap["activity_area_name"], gap["cluster"], first_day(gap["period"]) or gap["period"])
        for gap in gaps
    ))  # fmt: skip
    _finish(book, sheet, columns, end, "No gap: every area has a provider in every camp that has reported.")


def _write_organisations(book: Book, con: Connection, subtitle: str) -> None:
    """Write each organisation once, under its resolved name, with its camps and areas."""
    sheet = book.sheet("Organisations", subtitle, title="Organisations that provide services")
    columns = (
        Column("Short name", 16, "bold"),
        Column("Organisation", 46, "wrap"),
        Column("Type", 20),
        Column("Camps", 8, "count"),
        Column("Areas", 8, "count"),
        Column("Activity areas", 62, "wrap"),
        Column("Role", 24),
    )
    sql = f"""
        WITH {SHOWN}
        SELECT
            organisation_acronym, organisation_name, org_type,
            count(DISTINCT site) AS sites, count(DISTINCT activity_area) AS areas,
            string_agg(DISTINCT activity_area_name, ', ' ORDER BY activity_area_name) AS area_names,
            string_agg(DISTINCT role, ', ' ORDER BY role) AS roles
        FROM shown WHERE resolved GROUP BY organisation, organisation_acronym, organisation_name, org_type
        ORDER BY lower(organisation_acronym), organisation_name, organisation"""
    end = book.table(sheet, TOP, columns, (tuple(row.values()) for row in read_rows(con, sql)))
    _finish(book, sheet, columns, end, "No organisation was named.")


def _write_unresolved(book: Book, con: Connection, subtitle: str) -> None:
    """Write the names that our list does not know, as they were written, and what to do about them."""
    sheet = book.sheet("Unresolved names", subtitle, title="Names that our list does not know yet")
    book.put(sheet, 2, 0, "To resolve one, add it to warehouse/reference/organisation_alias.csv.", "subtitle")
    columns = (
        Column("Name as written", 40, "bold"),
        Column("Camps", 8, "count"),
        Column("In the camps", 60, "wrap"),
        Column("Activity areas", 60, "wrap"),
    )
    sql = f"""
        WITH {SHOWN}
        SELECT
            organisation_name, count(DISTINCT site) AS sites,
            string_agg(DISTINCT site_name, ', ' ORDER BY site_name) AS site_names,
            string_agg(DISTINCT activity_area_name, ', ' ORDER BY activity_area_name) AS area_names
        FROM shown WHERE NOT resolved GROUP BY organisation_name ORDER BY lower(organisation_name), organisation_name"""
    end = book.table(sheet, TOP + 1, columns, (tuple(row.values()) for row in read_rows(con, sql)))
    _finish(book, sheet, columns, end, "Every name is known.", top=TOP + 1)


def _finish(book: Book, sheet: Sheet, columns: tuple[Column, ...], end: int, nothing: str, top: int = TOP) -> None:
    """Filters and frozen headings; where the table is empty, say what that means."""
    if end == top + 1:
        book.put(sheet, end, 0, nothing, "subtitle")
    sheet.autofilter(top, 0, max(end - 1, top + 1), len(columns) - 1)
    sheet.freeze_panes(top + 1, 0)
    sheet.repeat_rows(top)


def _sources(con: Connection) -> list[tuple[str, str]]:
    sql = f"""
        WITH {SHOWN}
        SELECT period, source, form_version, count(DISTINCT site) AS camps FROM shown GROUP BY ALL ORDER BY ALL"""
    return [
        (month_name(row["period"]), f"{row['camps']} camps through {row['source']}, form version {row['form_version']}")
        for row in read_rows(con, sql)
    ]

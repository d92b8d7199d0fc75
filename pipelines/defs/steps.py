"""The steps of a build, each one call: reference, harmonize, clean, curate, publish, product.

A step is done only when its fingerprint moved; else it says so and touches nothing. Dagster is not named here:
assets.py wraps these. What a step does in detail is its room's.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from pipelines import curate, products, quality, store
from pipelines.archive.archive import open_archive
from pipelines.archive.reading import attached, decisions_in, last_complete_sync, last_sync_failed
from pipelines.curate import CuratedTable, build_table
from pipelines.defs.journal import Outcome, journal
from pipelines.errors import ConfigError, LockError, SchemaError
from pipelines.harmonize.build import build_tool, fingerprint
from pipelines.products import PRODUCTS, write_product
from pipelines.project import Project, Tool
from pipelines.quality.check import check_tool
from pipelines.quality.clean import clean_tool
from pipelines.store.built import as_of, fingerprint_of, mark_built, open_work, set_as_of
from pipelines.store.duck import Connection, connect, plain_errors, read_rows, transaction
from pipelines.store.publish import publish
from pipelines.store.reference import fingerprint as reference_fingerprint
from pipelines.store.reference import load_reference
from pipelines.store.stale import drop_tables, forget_others, tables_of

Step = Callable[[], Outcome]


def reference(project: Project) -> Outcome:
    """Load the reference tables, and take out what belongs to no tool and no curated file of today."""
    tools = [tool.name for tool in project.tools()]
    tables = sorted(path.stem for path in project.curated.glob("*.sql"))
    wanted = _hash([reference_fingerprint(project.reference, project.lists), repr(tools), repr(tables), *_code(store)])

    def build(con: Connection) -> dict[str, int | str]:
        loaded = load_reference(con, project.reference, project.lists)
        forget_others(con, tools, tables)
        return {"tables": len(loaded)}

    return _step(project, "reference", lambda _: wanted, build)


def set_day(project: Project, day: date | None = None) -> Outcome:
    """Write down the calendars, and the day that all builds read instead of a clock: the last complete sync's."""
    day = day or _last_day(project)
    calendars = [[t.name, t.calendar.due_day, t.calendar.late_after_day] for t in project.tools()]

    def build(con: Connection) -> dict[str, int | str]:
        with transaction(con):
            set_as_of(con, day)
            con.execute("DELETE FROM meta.calendar")
            for calendar in calendars:
                con.execute("INSERT INTO meta.calendar VALUES (?, ?, ?)", calendar)
        return {"day": day.isoformat()}

    wanted = _hash([day.isoformat(), repr(calendars)])
    return _step(project, "as_of", lambda _: wanted, build, warning=_incomplete(project))


def harmonize(project: Project, name: str) -> Outcome:
    """Build the harmonized tables of a tool, and hold every expectation against them."""
    tool = project.tool(name)
    mended = _have_archive(project, name)

    def build(con: Connection) -> dict[str, int | str]:
        before = set(tables_of(con, "harmonized", name))
        report = build_tool(con, project, tool)
        if not report.balanced:
            wrong = sum(line.unbalanced for line in report.balance)
            message = (
                f"harmonized.{name}: the ledger does not balance for {wrong} submissions; the last good tables stay; "
                "please report this with the output of `cccm status --json`."
            )
            raise SchemaError(message)
        with transaction(con):
            drop_tables(con, "harmonized", before - report.rows.keys())
            checked = check_tool(con, project, name, list(report.rows))
        landed = sum(line.landed for line in report.balance)
        return {
            "submissions": report.rows[name],
            "received": sum(line.received for line in report.balance),
            "landed": landed,
            "split": sum(line.split for line in report.balance),
            "quarantined": report.quarantined,
            "findings": checked.findings,
            **({"warnings": " ".join(report.warnings)} if report.warnings else {}),
        }

    warning = "; ".join(filter(None, (mended, _stale(project, name))))
    return _step(
        project, f"harmonized/{name}", lambda con: harmonized_fingerprint(con, project, tool), build, warning=warning
    )


def harmonized_fingerprint(con: Connection, project: Project, tool: Tool) -> str:
    """Under what the harmonized tables of `tool` are built if they are built now."""
    reference = reference_fingerprint(project.reference, project.lists)
    return _hash([fingerprint(con, project, tool, reference), _rules(project, "harmonized", tool.name)])


def clean(project: Project, name: str) -> Outcome:
    """Apply the decisions, and keep one current record for each unit and period."""

    def wanted(con: Connection) -> str:
        with attached(con, project.archive_file(name)) as archive:
            decided = archive.epoch_of_decisions()
        built = fingerprint_of(con, f"harmonized/{name}")
        return _hash([built, decided, *_code(quality), _rules(project, "clean", name)])

    def build(con: Connection) -> dict[str, int | str]:
        tables = tables_of(con, "harmonized", name)
        with attached(con, project.archive_file(name)) as archive, transaction(con):
            drop_tables(con, "clean", set(tables_of(con, "clean", name)) - set(tables))
            report = clean_tool(con, project, name, tables, archive.decisions)
            check_tool(con, project, name, tables, layer="clean")
        return {"submissions": report.harmonized, "superseded": report.superseded, "removed": report.removed}

    return _step(project, f"clean/{name}", wanted, build)


def curated(project: Project, table: CuratedTable) -> Outcome:
    """Build one curated table."""

    def wanted(con: Connection) -> str:
        read = [fingerprint_of(con, step) for name in sorted(table.depends) for step in makers(project, name)]
        return _hash([table.sql, repr(table.levels), repr(table.key), repr(table.column_docs), *read, *_code(curate)])

    def build(con: Connection) -> dict[str, int | str]:
        with transaction(con):
            return {"rows": build_table(con, table)}

    return _step(project, f"curated/{table.name}", wanted, build)


def publish_warehouse(project: Project) -> Outcome:
    """Build the two published files, where anything in them changed."""
    name = "published/warehouse"
    journal().on_progress(name, None)
    with open_work(project.work_file) as con:
        parts = read_rows(con, "SELECT name, fingerprint FROM meta.built WHERE name NOT LIKE 'p%' ORDER BY name")
        wanted = _hash(
            [f"{part['name']}={part['fingerprint']}" for part in parts] + _file(Path(publish.__code__.co_filename))
        )
        standing = fingerprint_of(con, name)
    if standing == wanted and project.published_file.exists() and project.restricted_file.exists():
        return journal().add(Outcome(name, anew=False))
    public = publish(project.work_file, project.published_file, restricted=False)
    publish(project.work_file, project.restricted_file, restricted=True)
    with open_work(project.work_file) as con:
        mark_built(con, name, wanted)
    figures: dict[str, int | str] = {"tables": public.tables, "columns": public.columns, "rows": public.rows}
    return journal().add(Outcome(name, anew=True, figures=figures))


def product(project: Project, name: str, run: str) -> Outcome:
    """Write one product from the published file, where that changed; `run` is its receipt."""
    step = f"products/{name}"
    journal().on_progress(step, None)
    with open_work(project.work_file) as con:
        day = as_of(con)
        made = [step for table in sorted(PRODUCTS[name].tables) for step in makers(project, table)]
        read = [fingerprint_of(con, step) for step in made]
        wanted = _hash([*read, fingerprint_of(con, "as_of"), *_code(products)])
        standing = fingerprint_of(con, step)
    if day is None:
        raise ConfigError("Nothing is built yet; run `cccm build` first.")
    period = f"{day:%Y-%m}"
    path = project.products / period / f"{name}.xlsx"
    if standing == wanted and path.exists():
        return journal().add(Outcome(step, anew=False, figures={"file": str(path.relative_to(project.data))}))
    with connect(project.published_file, read_only=True) as con:
        path = write_product(con, project, name, period, day, _receipt(con, project, run))
    with open_work(project.work_file) as con:
        mark_built(con, step, wanted)
    return journal().add(Outcome(step, anew=True, figures={"file": str(path.relative_to(project.data))}))


def makers(project: Project, table: str) -> list[str]:
    """The steps that make `table` ("clean.fsmt__service" is made by clean/fsmt, the codebook by every tool's)."""
    schema, _, name = table.partition(".")
    tools = [tool.name for tool in project.tools()]
    if schema in {"harmonized", "clean"} and name.split("__")[0] not in tools:
        message = (
            f"A file of warehouse/curated reads {table}, but there is no tool '{name.split('__')[0]}' "
            f"(there are {', '.join(tools)}); correct the name."
        )
        raise ConfigError(message)
    if schema == "reference":
        return ["reference"]
    if schema == "meta":
        return ["as_of"]
    if schema in {"harmonized", "clean"}:
        return [f"{schema}/{name.split('__')[0]}"]
    if schema in {"codebook", "ledger", "quality"}:
        layer = "clean" if schema == "quality" else "harmonized"
        return [f"{layer}/{tool}" for tool in tools]
    return [f"{schema}/{name}"]


def _step(
    project: Project,
    name: str,
    wanted: Callable[[Connection], str],
    build: Callable[[Connection], dict[str, int | str]],
    *,
    warning: str = "",
) -> Outcome:
    """Do `build` where the fingerprint moved."""
    journal().on_progress(name, None)
    with (
        open_work(project.work_file) as con,
        plain_errors(name, "nothing of it was kept, run again", place=project.work_file),
    ):
        now = wanted(con)
        if fingerprint_of(con, name) == now:
            return journal().add(Outcome(name, anew=False, warning=warning))
        mark_built(con, name, "")  # so that what rests on it is built again, even if this is cut short half way
        figures = build(con)
        mark_built(con, name, now)
    return journal().add(Outcome(name, anew=True, figures=figures, warning=warning))


def _stale(project: Project, tool: str) -> str:
    """Which sources of `tool` this is not the latest of."""
    names = sorted({source.name for source in project.sources() for asset in source.assets if asset.tool == tool})
    failed = [why for name in names if (why := last_sync_failed(project.archive_file(tool), name))]
    return "; ".join(failed)


def _incomplete(project: Project) -> str:
    """How many of the syncs are complete, and which are not; empty where all are."""
    synced = sorted({(source.name, asset.tool) for source in project.sources() for asset in source.assets})
    missing = [f"{source}/{tool}" for source, tool in synced if last_sync_failed(project.archive_file(tool), source)]
    if not missing:
        return ""
    return f"{len(synced) - len(missing)} of {len(synced)} syncs are complete; not {', '.join(missing)}"


def _last_day(project: Project) -> date:
    times = [time for tool in project.tools() if (time := _last_time(project.archive_file(tool.name)))]
    if not times:
        raise ConfigError(f"Nothing is archived in {project.data / 'archive'} yet; run `cccm sync` first.")
    return max(times).date()


def _last_time(archive: Path) -> datetime | None:
    """The last complete sync's; None where another process has the archive, for the other tools' must do then."""
    try:
        return last_complete_sync(archive)
    except LockError:
        return None


def _have_archive(project: Project, tool: str) -> str:
    """What of the tool's archive had to be mended before it may be read; it is made where there is none."""
    with open_archive(project.archive_file(tool)) as archive:
        return archive.mended


def _receipt(con: Connection, project: Project, run: str) -> dict[str, str]:
    versions = read_rows(con, "SELECT tool, version FROM codebook.version ORDER BY tool, position")
    said = ", ".join(f"{row['tool']} {row['version']}" for row in versions)
    decided = sum(decisions_in(project.archive_file(tool.name)) for tool in project.tools())
    return {"run": run, "versions": said, "decisions": str(decided or "none")}


def _rules(project: Project, layer: str, tool: str) -> str:
    files = [*project.expectations.glob(f"{layer}/{tool}.yml"), *project.expectations.glob(f"{layer}/{tool}__*.yml")]
    return _hash([part for path in sorted(files) for part in _file(path)] + _code(quality))


def _code(room: object) -> list[str]:
    """The names and bytes of a room's modules: what it builds changes with them."""
    folder = Path(str(getattr(room, "__file__", ""))).parent
    return [part for path in sorted(folder.glob("*.py")) for part in _file(path)]


def _file(path: Path) -> list[str]:
    return [path.name, sha256(path.read_bytes()).hexdigest()]


def _hash(parts: Iterable[str]) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()

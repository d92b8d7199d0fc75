"""The versions of a form that a server has, for the repository to take in: of Kobo from what it keeps of each, of ODK
Central the workbook that was uploaded, or the XForm where there was none.

What is taken in, and under which name, is forms/bringing.py. Rows are kobo.py and central.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from pipelines.errors import ConfigError, ServerError
from pipelines.forms.bringing import Offered
from pipelines.forms.read import sheets_of_kobo
from pipelines.forms.xform import version_of_xform
from pipelines.forms.xform_sheets import sheets_of_xform
from pipelines.project import Source
from pipelines.sources.central import NO_VERSION, Central
from pipelines.sources.central_session import CentralSession
from pipelines.sources.client import Client, NotThere

Shape = TypeVar("Shape")

KINDS = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
}
"""The workbooks that Central keeps, by the end of their name."""


class _Version(msgspec.Struct):
    uid: str
    date_deployed: str | bool = False


class _Versions(msgspec.Struct):
    results: list[_Version] = []


class _Asset(msgspec.Struct):
    name: str = ""
    deployed_versions: _Versions | None = None


class _Content(msgspec.Struct):
    survey: list[dict[str, Any]] = []
    choices: list[dict[str, Any]] | None = None
    settings: dict[str, Any] | None = None
    translations: list[str | None] | None = None


class _Kept(msgspec.Struct):
    content: _Content


class _Published(msgspec.Struct):
    version: str | None = None
    published_at: str | None = msgspec.field(default=None, name="publishedAt")


def asset_of(sources: Sequence[Source], name: str, tool: str, asset: str = "") -> tuple[Source, str]:
    """The source `name`, and the one asset of it that is meant: `asset`, or else the one that carries `tool`."""
    source = next((source for source in sources if source.name == name), None)
    if source is None:
        known = ", ".join(source.name for source in sources) or "none"
        raise ConfigError(f"xlsforms/sources.yml names no source '{name}'; it has {known}.")
    found = [asset] if asset else [one.asset for one in source.assets if one.tool == tool]
    if len(found) != 1:
        has = f"has {', '.join(found)} of {tool}" if found else f"names no asset of {tool}"
        raise ConfigError(f"xlsforms/sources.yml, source '{name}' {has}; say with --asset which one is meant.")
    return source, found[0]


def offered_by(source: Source, asset: str, *, every: bool = False) -> list[Offered]:
    """The version of `asset` in use on a server, or `every` one that ever was, the oldest first."""
    if source.kind == "kobo":
        client = Client(source.url, source.token(), named=source.name, ca_file=source.ca_file)
        return list(_on_kobo(client, source.name, asset, every=every))
    if source.kind == "odk_central":
        session = CentralSession(
            source.url, source.email(), source.password(), named=source.name, ca_file=source.ca_file
        )
        client = Client(source.url, session, named=source.name, ca_file=source.ca_file)
        return list(_on_central(client, source, asset, every=every))
    raise ConfigError(
        f"xlsforms/sources.yml, source '{source.name}' is of kind {source.kind} and has no forms; name a server."
    )


def _on_kobo(client: Client, named: str, asset: str, *, every: bool) -> Iterator[Offered]:
    client.get_bytes("/me/")  # Kobo answers 404 where it means that it does not let us in
    place = f"/api/v2/assets/{quote(asset, safe='')}/"
    detail = _decoded(client.get_bytes(place, {"format": "json"}), _Asset, f"asset {asset} of '{named}'")
    deployed = (detail.deployed_versions or _Versions()).results
    if not deployed:
        raise ServerError(f"Asset {asset} of '{named}' was never deployed; deploy it there first.")
    for version in reversed(deployed if every else deployed[:1]):
        where = f"asset {asset} of '{named}', version {version.uid}"
        body = client.get_bytes(f"{place}versions/{quote(version.uid, safe='')}/", {"format": "json"})
        content = _decoded(body, _Kept, where).content
        settings = {"form_title": detail.name, **_said(content.settings or {})}
        sheets = sheets_of_kobo(msgspec.to_builtins(content) | {"choices": content.choices or []})
        since = str(version.date_deployed)[:10]
        yield Offered(
            where=where, said=settings.get("version", ""), since=since, sheets=replace(sheets, settings=settings)
        )


def _said(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items() if value not in (None, "")}


def _on_central(client: Client, source: Source, form: str, *, every: bool) -> Iterator[Offered]:
    place = f"/v1/projects/{source.project}/forms/{quote(form, safe='')}"
    body = client.get_bytes(f"{place}/versions")
    published = _decoded(body, list[_Published], f"the versions of form {form} of '{source.name}'")
    if not published:
        raise ServerError(f"Form {form} of '{source.name}' was never published; publish it there first.")
    for version in reversed(published if every else published[:1]):
        said, since = version.version or "", (version.published_at or "")[:10]
        where = f"form {form} of '{source.name}', version {said or since}"
        workbook, kind = _workbook(client, f"{place}/versions/{quote(said or NO_VERSION, safe='')}")
        if workbook:
            yield Offered(where=where, said=said, since=since, workbook=workbook, kind=kind)
        else:
            xform = Central(client, source.project or 0).version_xml(form, said)
            sheets = sheets_of_xform(xform, where)
            yield Offered(where=where, said=version_of_xform(xform), since=since, sheets=sheets)


def _workbook(client: Client, place: str) -> tuple[bytes, str]:
    """The workbook that was uploaded, and its kind; nothing where the form was uploaded as an XForm."""
    for kind, accept in KINDS.items():
        try:
            return client.get_text(f"{place}{kind}", accept=accept), kind
        except NotThere:
            continue
    return b"", ""


def _decoded(body: bytes, shape: type[Shape], what: str) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ServerError(f"What came of {what} is no form; check the address in sources.yml.") from error

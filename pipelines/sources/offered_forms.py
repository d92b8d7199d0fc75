"""The versions of a form that a server has, for the repository to take in: of Kobo from what it keeps of each, of ODK
Central the workbook that was uploaded, or the XForm where there was none.

What is taken in, and under which name, is forms/bringing.py; what the servers are asked, kobo.py and central.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from pipelines.errors import ConfigError, ServerError
from pipelines.forms.bringing import Offered
from pipelines.forms.read import sheets_of_kobo
from pipelines.forms.xform import version_of_xform
from pipelines.forms.xform_sheets import sheets_of_xform
from pipelines.project import Source
from pipelines.sources.central import Central
from pipelines.sources.central_session import CentralSession
from pipelines.sources.client import Client
from pipelines.sources.kobo import Kobo


class _Content(msgspec.Struct):
    survey: list[dict[str, Any]] = []
    choices: list[dict[str, Any]] | None = None
    settings: dict[str, Any] | None = None
    translations: list[str | None] | None = None


class _Kept(msgspec.Struct):
    content: _Content


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
        return list(_on_kobo(Kobo(client), source.name, asset, every=every))
    if source.kind == "odk_central":
        session = CentralSession(
            source.url, source.email(), source.password(), named=source.name, ca_file=source.ca_file
        )
        client = Client(source.url, session, named=source.name, ca_file=source.ca_file)
        return list(_on_central(Central(client, source.project or 0), source.name, asset, every=every))
    raise ConfigError(
        f"xlsforms/sources.yml, source '{source.name}' is of kind {source.kind} and has no forms; name a server."
    )


def _on_kobo(kobo: Kobo, named: str, uid: str, *, every: bool) -> Iterator[Offered]:
    kobo.server_time()  # proves our token
    asset = kobo.asset(uid)
    deployed = list(zip(asset.versions, asset.deployed_on, strict=True))
    if not deployed:
        raise ServerError(f"Asset {uid} of '{named}' was never deployed; deploy it there first.")
    for version, since in reversed(deployed if every else deployed[:1]):
        where = f"asset {uid} of '{named}', version {version}"
        content = _content(kobo.form_version(uid, version), where)
        settings = {"form_title": asset.name, **_said(content.settings or {})}
        sheets = sheets_of_kobo(msgspec.to_builtins(content) | {"choices": content.choices or []})
        yield Offered(
            where=where, said=settings.get("version", ""), since=since, sheets=replace(sheets, settings=settings)
        )


def _said(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items() if value not in (None, "")}


def _on_central(central: Central, named: str, form: str, *, every: bool) -> Iterator[Offered]:
    published = list(central.versions(form).items())
    if not published:
        raise ServerError(f"Form {form} of '{named}' was never published; publish it there first.")
    for said, since in published if every else published[-1:]:
        where = f"form {form} of '{named}', version {said or since}"
        workbook, kind = central.workbook(form, said)
        if workbook:
            yield Offered(where=where, said=said, since=since, workbook=workbook, kind=kind)
        else:
            xform = central.version_xml(form, said)
            sheets = sheets_of_xform(xform, where)
            yield Offered(where=where, said=version_of_xform(xform), since=since, sheets=sheets)


def _content(body: str, what: str) -> _Content:
    try:
        return msgspec.json.decode(body, type=_Kept).content
    except (msgspec.DecodeError, RecursionError) as error:
        raise ServerError(f"What came of {what} is no form; check the address in sources.yml.") from error

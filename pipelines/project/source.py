"""Where answers come from: sources.yml, and where the secrets are that stay outside of it.

Speaking to a server is sources/, reading a secret secret.py. What may lie in another place than the repository (an
inbox of export files, the file of a token) is looked for in the data folder, where nothing is committed.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipelines.errors import ConfigError
from pipelines.project.guard import Guard
from pipelines.project.secret import Place, Secret
from pipelines.project.yaml_file import StrictModel, read_yaml

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

SourceKind = Literal["kobo", "odk_central", "export_file"]
NEEDED = {
    "kobo": ("url",),
    "odk_central": ("url", "project"),
    "export_file": ("folder",),
}
"""The keys without which a source of each kind cannot be asked."""

SECRETS = {"kobo": ("token",), "odk_central": ("email", "password"), "export_file": ()}
"""What lets us in at a source of each kind: each is named by `<it>_env`, or by `<it>_file`."""

PARALLEL = 4
"""As many requests at a time as are polite where nothing else is said."""

SECRETS = {"kobo": ("token",), "odk_central": ("email", "password"), "export_file": ()}
"""What lets us in at a source of each kind: each is named by `<it>_env`, or by `<it>_file`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAsset:
    """One thing a source holds of a tool: an asset, a form, or the export files that match a pattern."""

    tool: str
    asset: str
    round: str = ""
    files: str = ""
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A server, or a folder of export files, and which of its assets carries which tool. It holds no secret."""

    name: str
    kind: SourceKind
    url: str = ""
    token_env: str = ""
    token_file: Path | None = None
    email_env: str = ""
    email_file: Path | None = None
    password_env: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    media_hosts: tuple[str, ...] = ()
    project: int | None = None
    folder: Path | None = None
    parallel: int = PARALLEL
    guard: Guard = Guard()  # noqa: RUF009 - a value
    reference: Mapping[str, str] = field(default_factory=dict)
    assets: tuple[SourceAsset, ...] = ()

    def token(self, environ: Mapping[str, str] = os.environ) -> Secret:
        """The token this source is asked with, read anew at every call."""
        token = Place(self.name, "token", self.token_env, self.token_file).read(environ)
        if not token.is_made_of(r"[!-~]"):
            raise ConfigError(
                f"the token of source {self.name!r} holds a space or a letter no token has: copy it again."
            )
        return token

    def email(self, environ: Mapping[str, str] = os.environ) -> Secret:
        """The address of the account this source is asked with, read anew at every call."""
        return Place(self.name, "email", self.email_env, self.email_file).read(environ)

    def password(self, environ: Mapping[str, str] = os.environ) -> Secret:
        """The password of that account, read anew at every call."""
        return Place(self.name, "password", self.password_env, self.password_file).read(environ)


class AssetEntry(StrictModel):
    """One entry below a tool in sources.yml."""

    asset: str = ""
    round: str = ""
    files: str = ""
    layout: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        return {"asset": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.asset or self.layout):
            raise ValueError("neither asset nor layout is given: name the asset, or the layout of the export files")
        return self


class SourceEntry(StrictModel):
    """One source in sources.yml."""

    kind: SourceKind
    url: str = ""
    token_env: str = ""
    token_file: str = ""
    email_env: str = ""
    email_file: str = ""
    password_env: str = ""
    password_file: str = ""
    ca_file: str = ""
    media_hosts: tuple[str, ...] = ()
    project: int | None = None
    folder: str = ""
    parallel: int = Field(default=PARALLEL, ge=1, le=16)
    guard: Guard = Guard()
    reference: dict[str, str] = Field(default_factory=dict)
    tools: dict[str, tuple[AssetEntry, ...]] = Field(default_factory=dict)

    @field_validator("tools", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {tool: entry if isinstance(entry, list) else [entry] for tool, entry in given.items()}

    @field_validator("tools")
    @classmethod
    def _of_known_tools(
        cls, tools: dict[str, tuple[AssetEntry, ...]], info: ValidationInfo
    ) -> dict[str, tuple[AssetEntry, ...]]:
        known = (info.context or {}).get("tools", ())
        for tool in tools:
            if tool not in known:
                raise ValueError(f"there is no tool {tool!r}: name one of {', '.join(known)}, or add xlsforms/{tool}/")
        return tools

    @field_validator("token_env", "email_env", "password_env")
    @classmethod
    def _a_name_and_no_secret(cls, name: str) -> str:
        if name and not VARIABLE_NAME.fullmatch(name):
            raise ValueError("this is no name of an environment variable: write the name here, never the secret itself")
        return name

    @field_validator("url")
    @classmethod
    def _an_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query):
            raise ValueError("this is no address of a server: write it as https://kobo.example.org")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("http would send the token in clear: write https")
        return url.rstrip("/")

    @field_validator("reference")
    @classmethod
    def _tables(cls, lists: dict[str, str]) -> dict[str, str]:
        for table in lists:
            if not TABLE_NAME.fullmatch(table):
                raise ValueError(f"{table!r} is no name of a table: write small letters, digits and _ only")
        return lists

    @field_validator("media_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no name of a host: write it as media.example.org, without https://")
        return hosts

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for key in NEEDED[self.kind]:
            if getattr(self, key) in ("", None):
                raise ValueError(f"a source of kind {self.kind} needs the key {key!r}: add it")
        for secret in SECRETS[self.kind]:
            if not (getattr(self, f"{secret}_env") or getattr(self, f"{secret}_file")):
                raise ValueError(
                    f"a source of kind {self.kind} needs the key '{secret}_env' or '{secret}_file': add it"
                )
        if self.reference and self.kind != "odk_central":
            raise ValueError("only a source of kind odk_central keeps lists (entities): take 'reference' out")
        for tool, entries in self.tools.items():
            names = [entry.asset or entry.layout for entry in entries]
            if len(names) != len(set(names)):
                raise ValueError(f"two entries of tool {tool!r} have the same name: give each its own asset")
        return self


class SourcesFile(StrictModel):
    """What sources.yml may say."""

    sources: dict[str, SourceEntry] = Field(default_factory=dict)


def read_sources(file: Path, tools: tuple[str, ...], data: Path) -> tuple[Source, ...]:
    """Every source that `file` names, by name; `tools` are the tools there are, `data` is what its paths start from."""
    said = read_yaml(file, SourcesFile, context={"tools": tools})
    return tuple(_source(name, entry, data) for name, entry in sorted(said.sources.items()))


def _source(name: str, entry: SourceEntry, data: Path) -> Source:
    assets = tuple(
        SourceAsset(tool=tool, asset=one.asset or one.layout, round=one.round, files=one.files, layout=one.layout)
        for tool, entries in sorted(entry.tools.items())
        for one in entries
    )
    return Source(
        name=name,
        kind=entry.kind,
        url=entry.url,
        token_env=entry.token_env,
        token_file=_path(entry.token_file, data),
        email_env=entry.email_env,
        email_file=_path(entry.email_file, data),
        password_env=entry.password_env,
        password_file=_path(entry.password_file, data),
        ca_file=_path(entry.ca_file, data),
        media_hosts=entry.media_hosts,
        project=entry.project,
        folder=_path(entry.folder, data),
        parallel=entry.parallel,
        guard=entry.guard,
        reference=entry.reference,
        assets=assets,
    )


def _path(named: str, data: Path) -> Path | None:
    return data / Path(named).expanduser() if named else None

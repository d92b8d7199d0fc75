"""How a Kobo server's pages may be wrong: faults for hostile.py that change them and leave the rest byte for byte."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from tests.faults.hostile import Exchange, Fault, Reply

Row = dict[str, Any]
Page = dict[str, Any]


def pages_with(change: Callable[[Page, str], Page]) -> Fault:
    """The upstream's page, changed; `change` is also told the query that was asked, as text."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.upstream()
        body = reply.body
        if reply.status == 200:
            page = change(json.loads(body), unquote_plus(exchange.request.target.partition("?")[2]))
            body = json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()
        exchange.send(Reply(reply.status, body, reply.headers).whole())

    return fault


def rows_with(change: Callable[[Row, str], Row | None]) -> Fault:
    """The upstream's page with each row changed, or left out where `change` gives None."""

    def changed(page: Page, asked: str) -> Page:
        rows = [change(row, asked) for row in page.get("results", [])]
        return {**page, "results": [row for row in rows if row is not None]}

    return pages_with(changed)


def fields_of(name: str, change: Callable[[Any], Any]) -> Fault:
    """The upstream's object with one of its values changed."""
    return pages_with(lambda said, _: {**said, name: change(said[name])})

"""How long a first sync from ODK Central takes, beside the bare download of the very same bytes.

    python -m tests.bench.central [submissions]

The stand-in server runs in a process of its own. A real Central writes 5,220 submissions a second into its zip (v2026.2
on two cores), however many ask at a time; the stand-in is measured at that pace, which is the one that counts, and as
fast as it can. It reads each submission once and remembers its rows, for it shares our cores; no real server does.
"""

import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pipelines.archive.archive import open_archive
from pipelines.project.secret import Secret
from pipelines.sources.central import Central
from pipelines.sources.central_session import CentralSession
from pipelines.sources.central_sync import sync_central
from pipelines.sources.client import Client
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect, read_value
from tests.central.forms import Node, submission_of, xform_of
from tests.central.server import Central as StandIn
from tests.central.store import text_of

ROWS = 20_000
ROUNDS = 2
REAL_PACE = 5220.0
"""Submissions a second that Central wrote into csv.zip, as measured."""

NOW = datetime(2026, 11, 20)  # noqa: DTZ001 - the archive keeps UTC without zone
GROUPS = ("site", "population", "wash", "shelter", "protection")
FORM = (
    *(Node(name, "text") for name in ("start", "end", "today", "deviceid")),
    *(Node(group, "group", tuple(Node(f"{group}_{n}", "text") for n in range(5))) for group in GROUPS),
    Node("gps", "geopoint"),
    Node(
        "service_provider",
        "repeat",
        (
            *(Node(name, "text") for name in ("sector", "provider_name", "provider_type", "activities", "evidence")),
            Node("focal_point", "repeat", (Node("fp_name", "text"), Node("fp_phone", "text"))),
        ),
    ),
    Node("comments", "text"),
)
WORDS = ("protection", "distribution maintenance", "1865", "زينب", "trucking bottled", "2026-10-17", "57.7", "kirkuk")


def main(words: Sequence[str]) -> None:
    """Print seconds and ratios, for both paces."""
    rows = int(words[0]) if words else ROWS
    print(f"first sync of {rows:,} submissions from Central, against the bare download of the same bytes")
    for named, pace in (("at the pace of a real Central", REAL_PACE), ("as fast as the stand-in goes", 0.0)):
        with served(rows, pace) as url, TemporaryDirectory() as folder:
            measured(url, rows, named, Path(folder))


def measured(url: str, rows: int, named: str, folder: Path) -> None:
    """One line: the best of some downloads and syncs, interleaved; then a sync in which nothing had moved."""
    downloads, syncs = [], []
    synced(url, folder / "first.duckdb")
    for number in range(ROUNDS):
        archive = folder / f"{number}.duckdb"
        took, used, asked = synced(url, archive)
        bare, size = downloaded(url, asked, folder)
        syncs.append((took, used))
        downloads.append(bare)
        with connect(archive, read_only=True) as con:
            found = read_value(con, "SELECT count(*) FROM submission WHERE n_answers > 20")
        assert found == rows, f"{found} of {rows} submissions are archived"
    again, _, questions = synced(url, archive)
    (took, used), bare = min(syncs), min(downloads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{named}: download {bare:.2f} s ({size / 1e6:.1f} MB, {len(asked)} requests), sync {took:.2f} s, "
        f"ratio {took / bare:.2f} (our processor time {used:.2f} s); nothing moved: {again:.2f} s, "
        f"{len(questions)} requests; archive {archive.stat().st_size / 1e6:.1f} MB; peak memory {peak:.0f} MB",
        flush=True,
    )


class Noting(Client):
    """A client that remembers what it asked for."""

    asked: list[str]

    def _target(self, path: str, params: object) -> str:
        target = super()._target(path, params)  # type: ignore[arg-type]
        self.asked.append(target)
        return target


def synced(url: str, archive: Path) -> tuple[float, float, list[str]]:
    """Seconds of a sync, seconds that it used of a processor, and what it asked for."""
    session = CentralSession(url, Secret("viewer@example.org"), Secret("viewer-password"), named="central")
    Noting.asked = []
    client = Noting(url, session, named="central")
    start, used = time.perf_counter(), time.process_time()
    with open_archive(archive) as opened:
        sync_central(opened, Central(client, 1), "central", "visit", wish=Wish(), now=NOW)
    return time.perf_counter() - start, time.process_time() - used, list(Noting.asked)


def downloaded(url: str, targets: Sequence[str], folder: Path) -> tuple[float, int]:
    """Seconds and bytes of the same requests, one after another, straight to the disk."""
    session = CentralSession(url, Secret("viewer@example.org"), Secret("viewer-password"), named="central")
    headers = {name: secret.reveal() for name, secret in session().headers.items() if isinstance(secret, Secret)}
    connection = HTTPConnection(urlsplit(url).netloc)
    start, size = time.perf_counter(), 0
    for number, target in enumerate(targets):
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        with (folder / str(number)).open("wb") as file:
            while piece := answer.read(262_144):
                size += file.write(piece)
    connection.close()
    return time.perf_counter() - start, size


@contextmanager
def served(rows: int, pace: float) -> Iterator[str]:
    """A stand-in server with `rows` submissions, in another process; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(rows, pace, theirs), daemon=True)
    process.start()
    try:
        yield str(ours.recv())
    finally:
        ours.send("end")
        process.join()


def _serve(rows: int, pace: float, told: Connection) -> None:
    server = StandIn(rows_a_second=pace)
    server.store.publish("visit", xform_of(FORM))
    rng, moment = random.Random(20261101), datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(rows):
        moment += timedelta(seconds=rng.expovariate(1 / 60))
        xml = submission_of(_answers(FORM, rng), f"uuid:{number:08}-0000-4000-8000-000000000000")
        server.store.send("visit", xml, at=text_of(moment))
    with server.serve() as url:
        told.send(url)
        told.recv()


def _answers(form: Sequence[Node], rng: random.Random) -> str:
    pieces = []
    for node in form:
        for _ in range(rng.choice((1, 2, 3)) if node.kind == "repeat" else 1):
            if node.children:
                said = _answers(node.children, rng)
            elif node.kind == "geopoint":
                said = f"{rng.uniform(29, 37):.6f} {rng.uniform(39, 48):.6f} {rng.uniform(0, 900):.1f} 4.8"
            else:
                said = rng.choice(WORDS)
            pieces.append(f"<{node.name}>{said}</{node.name}>")
    return "".join(pieces)


if __name__ == "__main__":
    main(sys.argv[1:])

"""How much of a server's answer we take, how long we wait for it, how often we ask again.

Numbers alone; who keeps to them is wire.py (time), body.py (size and shape) and retry.py (attempts).
"""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost; sizes are bytes after decompression, times are seconds."""

    connect: float = 10
    silence: float = 130
    """Without a byte for so long, the server is taken for stalled; Kobo gives a query 120 seconds."""
    deadline: float = 150
    """From the first byte sent to the last byte of a body in memory, however steadily it drips."""
    file_deadline: float = 3600

    body: int = 256 * MEGABYTE
    file: int = 4_000 * MEGABYTE
    depth: int = 200
    redirects: int = 3

    attempts: int = 6
    budget: float = 600
    """No further attempt begins later than this after the first."""
    first_wait: float = 0.3
    longest_wait: float = 20
    longest_asked_wait: float = 300
    """The most that a server's Retry-After is followed."""

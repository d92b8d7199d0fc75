"""Identifiers as a Kobo server makes them, but derived, so that two runs of a demo give the same ones.

Only names of things are made here. What a thing is belongs to store.py.
"""

import hashlib
import uuid

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NAMESPACE = uuid.UUID("8f1f2a5e-5d0c-4c53-9a43-6f2e0f0b7c11")


def uid(prefix: str, *parts: str, length: int = 21) -> str:
    """A short identifier in Kobo's alphabet, the same for the same `parts`."""
    number = int.from_bytes(hashlib.sha256("\x1f".join((prefix, *parts)).encode()).digest(), "big")
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return prefix + "".join(letters)


def form_uuid(asset_uid: str) -> str:
    """The `formhub/uuid` of an asset: one for all its versions."""
    return uuid.uuid5(NAMESPACE, asset_uid).hex


def edit_uuid(root_uuid: str, current_uuid: str) -> str:
    """The uuid that the server gives a submission when it edits it itself."""
    return str(uuid.uuid5(NAMESPACE, f"{root_uuid}/{current_uuid}"))

"""SHA-256 of plain values: fingerprints of what a result follows from, and choices that other utterances do not move."""

import hashlib
import json
from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Any, TypeVar

Item = TypeVar("Item")


def digest(*values: Any) -> str:
    """SHA-256 of plain JSON values, hex."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def lowest_hashed(items: Iterable[Item], size: int, name: Callable[[Item], str]) -> list[Item]:
    """At most `size` items, those whose names hash lowest, in that order: an item more or less changes one of them at most."""
    return nsmallest(size, items, key=lambda item: hashlib.sha256(name(item).encode()).digest())

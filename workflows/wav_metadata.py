"""Recordings that say what they are: 16-bit WAV with the request and the dataset's version as JSON in the comment (RIFF INFO, ICMT).

Written and read here byte by byte: libsndfile reads no comment above 2 KiB, and requests with curves are longer. The comment comes
before the samples; every player skips it.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.files import whole_file
from schemas.errors import TableError

_HEAD_BYTES = 2**20  # of a file, in which its comment must lie


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate_hz: int, told: dict[str, Any]) -> None:
    """Write samples in [-1, 1] (others are clipped) as 16-bit PCM, with `told` as JSON; the file appears whole or not at all."""
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    comment = json.dumps(told, sort_keys=True).encode("ascii") + b"\0"
    form = struct.pack("<HHIIHH", 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    body = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", comment)) + _chunk(b"data", pcm)
    with whole_file(path) as partial:
        partial.write_bytes(_chunk(b"RIFF", body))


def read_told(path: Path) -> dict[str, Any]:
    """What a recording says of itself.

    Raises
    ------
    TableError
        If it is no WAV, or says nothing.
    """
    try:
        with path.open("rb") as file:
            riff = dict(_chunks(file.read(_HEAD_BYTES)))[b"RIFF"]
        info = dict(_chunks(dict(_chunks(riff[4:]))[b"LIST"][4:]))
        return dict(json.loads(info[b"ICMT"].rstrip(b"\0")))
    except (OSError, KeyError, ValueError, struct.error) as error:
        raise TableError(f"{path} does not say what it is ({error!r}); only recordings of `espressivo say` and synthesize do") from None


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, at + 4)
        yield content[at : at + 4], content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2

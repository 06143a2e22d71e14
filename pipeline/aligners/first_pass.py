"""What earlier runs of pocketsphinx left and is still true: first passes, whose decoding is nearly all the cost, and refined phones.

A first pass depends on its own utterance alone; what refinement made of it, also on the utterances that the model was learned on.
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from pipeline.aligners.alignment import Spoken
from pipeline.aligners.pocketsphinx import low_score
from pipeline.aligners.rows import Results, Row
from pipeline.digests import digest
from pipeline.shards import lasting_rejects, rows_before, write_table
from schemas.params import PocketsphinxParams
from schemas.reasons import LASTING, Reason
from schemas.tables.alignments import FIRST_PASS, REFINED
from schemas.tables.rejects import reject_row

CODE_VERSION = 1  # raise it when a change of code changes first passes: all are then made again
REFINE_VERSION = 2  # the same of refinement

FILE, REFINED_FILE = "first_pass.parquet", "refined.parquet"
_PARAMS = {"oov", "boundary_shift_s"}  # the limits of scores are held afterwards
_ALIGNED_BY = ("pocketsphinx", "espeakng-loader", "num2words", "panphon", "numpy", "soundfile", "soxr")
_REFINED_BY = ("numpy", "scipy", "panphon", "soundfile", "soxr")


class Before(NamedTuple):
    """Aligned rows and rejects of utterances whose first pass need not be made."""

    done: Results
    fingerprints: dict[str, str]
    left: list[tuple[Spoken, str]]


def fingerprint(one: Spoken, audio_sha256: str, params: PocketsphinxParams) -> str:
    """SHA-256 of all that a first pass depends on: recording, text, language, parameters, libraries, code."""
    own = [audio_sha256, one.text, one.language, one.audio_path]  # details of faults name the file
    return digest(own, params.model_dump(include=_PARAMS), _versions(_ALIGNED_BY), CODE_VERSION)


def refined_fingerprints(learned_on: list[str], fingerprints: dict[str, str], params: PocketsphinxParams) -> dict[str, str]:
    """SHA-256 of all that a refinement depends on, by id, from those of first passes and the ids that the model is learned on."""
    model = digest([fingerprints[one] for one in learned_on], params.refine_reach_s, _versions(_REFINED_BY), REFINE_VERSION)
    return {utterance_id: digest(model, own) for utterance_id, own in fingerprints.items()}


def refined_before(folder: Path) -> dict[str, Row]:
    """Rows of `REFINED` that an earlier run left, by fingerprint."""
    return {row["fingerprint"]: row for row in rows_before(folder / REFINED_FILE, REFINED)}


def forget(folder: Path) -> None:
    """Remove what another aligner left."""
    for name in (FILE, REFINED_FILE):
        (folder / name).unlink(missing_ok=True)


def made_before(heard: list[tuple[Spoken, str]], params: PocketsphinxParams, folder: Path) -> Before:
    """What an earlier run left in `folder` for these utterances and hashes of their files, and the utterances that are left to align."""
    aligned = {row.pop("fingerprint"): row for row in rows_before(folder / FILE, FIRST_PASS)}
    faults = {row["fingerprint"]: row for row in lasting_rejects(folder / "rejects.parquet")}
    before = Before(Results([], []), {one.utterance_id: fingerprint(one, sha256, params) for one, sha256 in heard}, [])
    for one, sha256 in heard:
        key = before.fingerprints[one.utterance_id]
        if key in aligned:
            before.done.aligned.append({**aligned[key], "utterance_id": one.utterance_id})
        elif key in faults:
            before.done.rejected.append({**faults[key], "utterance_id": one.utterance_id})
        else:
            before.left.append((one, sha256))
    return before


def keep(done: Results, fingerprints: dict[str, str], folder: Path) -> Results:
    """Write the aligned rows for a later run, and return all with the fingerprints of lasting faults."""
    table = FIRST_PASS.table([row | {"fingerprint": fingerprints[row["utterance_id"]]} for row in done.aligned])
    write_table(folder / FILE, FIRST_PASS.whole_rows(table)[0], FIRST_PASS)
    return Results(done.aligned, [_marked(row, fingerprints) for row in done.rejected])


def held_to_score(done: Results, params: PocketsphinxParams, languages: dict[str, str]) -> Results:
    """Rows whose score is below the limit of their language become rejects: after `keep`, so that a moved limit aligns nothing again."""
    held = Results([], [*done.rejected])
    for row in done.aligned:
        fault = low_score(row["score"], languages[row["utterance_id"]], params)
        if fault is None:
            held.aligned.append(row)
        else:
            held.rejected.append(reject_row(row["utterance_id"], "align", fault))
    return held


def _marked(row: Row, fingerprints: dict[str, str]) -> Row:
    lasts = Reason(row["reason"]) in LASTING
    return row | {"fingerprint": fingerprints[row["utterance_id"]] if lasts else None}


@cache
def _versions(names: tuple[str, ...]) -> dict[str, str]:
    return {name: version(name) for name in names}

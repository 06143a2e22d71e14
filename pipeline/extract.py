"""Stage extract: aligned utterances become Parquet shards of mel, pitch, energy and durations, on the cluster.

Workers read audio, compute, validate and write shards (`pipeline.extract_task`); the driver sees ids, counts and rejects alone. Beside the
features stands each utterance's quality, by whose limits it may be rejected: the limits, and the corpus's typical phone lengths, are no
part of a fingerprint, so changing them computes nothing again.
"""

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer
from numpy.typing import NDArray

from pipeline import shards
from pipeline.cluster import in_batches, one_cluster
from pipeline.extract_task import CorpusFacts, ExtractTaskParams, Places, extract_shards, rehearse_shards
from pipeline.files import remove_partials
from pipeline.fingerprints import recipe
from pipeline.mel import mel_filterbank
from pipeline.pitch_limits import find_limits
from pipeline.quality import PhoneLengths
from pipeline.shard_crashes import ShardRows, map_shards
from pipeline.stage import finish, run_main, write_json
from pipeline.storage import Root, absolute, opened
from schemas.errors import TableError
from schemas.params import CorpusParams, Name, corpus_params, load_params
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.features import PART_COLUMNS
from schemas.tables.rejects import reject_row
from schemas.tables.utterances import UTTERANCES

_MOST_TASKS = 256  # each task reads both tables once, so many shards share a task


class ExtractStageParams(ExtractTaskParams):
    """What this stage reads of `params.yaml`."""

    corpora: dict[Name, CorpusParams]


def run(
    corpus: str, params: ExtractStageParams, root: Root, utterances: Path, alignments: Path, out: Path, metrics: Path
) -> dict[str, int]:
    """Extract one corpus.

    Parameters
    ----------
    corpus
        Its name, for messages.
    root
        The corpus, which `audio_path` is relative to.
    utterances, alignments
        The tables of ingest and align.
    out
        Folder of shards, `pitch_limits.parquet`, `pitch_samples.parquet`, `rejects.parquet` and `recipe.json`; what is there already is
        reused by fingerprint.
    metrics
        JSON of counts.

    Returns
    -------
    dict[str, int]
        How many rows each part (of `PART_COLUMNS`, and ``measures``) was computed for. It is printed, and stands in no file: outputs of
        an increment and of a run from scratch are equal.

    Raises
    ------
    TableError
        If an alignment has no utterance.
    ParamsError
        If the mel bands do not fit the frames.
    DependencyError
        If the extractor's package is not installed.
    TooManyRejectsError
        If more than `extract.max_reject_share` of the rows were rejected.
    """
    mel_filterbank(params.frames.grid(), n_mels=params.mel.n_mels, f_min_hz=params.mel.f_min_hz, f_max_hz=params.mel.f_max_hz)
    made_by = recipe(params)  # a missing package ends the run here, and not each of its rows
    places = Places(absolute(root), *(path.absolute() for path in (utterances, alignments, out)))  # workers may have started elsewhere
    known = shards.read_table(utterances, UTTERANCES, ["utterance_id"])
    ids = shards.read_table(alignments, ALIGNMENTS, ["utterance_id"]).column("utterance_id")
    at = _utterance_rows(ids, known.column("utterance_id"))
    plan = _plan(ids.to_pylist(), at, params.extract.n_shards)
    batches = in_batches(plan, -(-len(plan) // _MOST_TASKS) or 1)
    with one_cluster():
        limits = find_limits(corpus, params, places.root, places.utterances, places.out, at)
        given = places, params, CorpusFacts(limits, phone_lengths(alignments).typical())
        done, crashed = map_shards(partial(extract_shards, *given), partial(rehearse_shards, *given), batches, f"extract {corpus}")
    _prune(out, {name for shard in done for name in shard.names})
    rejects = [row for shard in done for row in shard.rejects]
    rejects += [reject_row(ids[row].as_py(), "extract", error) for row, error in crashed.items()]
    shards.write_rejects(out / "rejects.parquet", rejects)
    write_json(out / "recipe.json", made_by)
    found = sum((shard.computed for shard in done), Counter[str]())
    computed = {part: found[part] for part in (*PART_COLUMNS, "measures")}
    print(f"extract {corpus}: computed " + ", ".join(f"{part} {count}" for part, count in computed.items()), file=sys.stderr)
    finish(f"extract {corpus}", len(ids), sum(shard.n_rows for shard in done), rejects, params.extract.max_reject_share, metrics)
    return computed


def _utterance_rows(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> NDArray[np.int64]:
    """Row number in the utterances table of each aligned utterance."""
    at = pc.index_in(ids, value_set=known)
    if at.null_count:
        lost = ids.filter(pc.is_null(at))
        raise TableError(
            f"{len(lost)} aligned utterances are not in the utterances table, the first is {lost[0].as_py()}; "
            "run `dvc repro` from ingest so that both tables belong together"
        )
    rows: NDArray[np.int64] = at.to_numpy().astype(np.int64)
    return rows


def _plan(ids: list[str], utterance_rows: NDArray[np.int64], n_shards: int) -> list[ShardRows]:
    indices = np.array([shards.shard_index(utterance_id, n_shards) for utterance_id in ids], dtype=np.int64)
    plan = []
    for index in np.unique(indices):
        rows = np.flatnonzero(indices == index)
        plan.append(ShardRows(int(index), utterance_rows[rows], rows))
    return plan


def _prune(out: Path, names: set[str]) -> None:
    """Remove shards of rows that are gone, and what crashed workers left."""
    for path in [*out.glob("features-*.parquet"), *out.glob("quality-*.parquet")]:
        if path.name not in names:
            path.unlink()
    remove_partials(out)


def phone_lengths(alignments: Path) -> PhoneLengths:
    """Lengths of all phones of the corpus, a batch of alignments in memory at a time."""
    found = PhoneLengths()
    for batch in shards.iter_batches([alignments], ["phones"]):
        phones = pc.list_flatten(batch.column("phones"))
        lengths_s = pc.subtract(phones.field("end_s"), phones.field("start_s")).to_numpy()
        found.add(phones.field("label").to_pylist(), lengths_s)
    return found


def main(
    corpus: Annotated[str, typer.Option(help="name of the corpus in params.yaml")],
    utterances: Annotated[Path, typer.Option(help="table of ingest")],
    alignments: Annotated[Path, typer.Option(help="table of align")],
    out: Annotated[Path, typer.Option(help="folder of shards")],
    metrics: Annotated[Path, typer.Option(help="JSON of counts")],
    params: Annotated[Path, typer.Option(help="params.yaml")] = Path("params.yaml"),
) -> None:
    """Extract mel, pitch, energy and durations of one corpus."""
    declared = load_params(params, ExtractStageParams)
    with opened(corpus_params(declared.corpora, corpus).root, params.parent, out) as root:
        run(corpus, declared, root, utterances, alignments, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.extract")

"""Stage ingest: a corpus folder becomes the utterances table. Every audio file is a row or a reject with a reason."""

from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

from pipeline.audio import AudioProbe, file_sha256, probe
from pipeline.cluster import in_batches, map_batches
from pipeline.corpora import ADAPTERS, Candidate
from pipeline.corpora.listing import Listing, list_corpus
from pipeline.files import remove_partials
from pipeline.shards import rows_before, write_rejects, write_table
from pipeline.splits import Splits, assign_splits, official_splits, text_group
from pipeline.stage import finish, run_main
from pipeline.storage import Root, local_copy, opened
from schemas.errors import RowError, StorageError
from schemas.params import CorpusParams, IngestParams, Name, Section, SplitBy, corpus_params, load_params
from schemas.reasons import Reason
from schemas.tables.probes import PROBES
from schemas.tables.rejects import fault_of, reject_row
from schemas.tables.utterances import SPLITS, UTTERANCES

BATCH_FILES = 50
PROBE_VERSION = 1  # raise it when a change of code changes `AudioProbe`: every file is then decoded again
MAX_PEAK_DB = 20.0  # float files may pass full scale, by less than the energies that the features table holds

Row = dict[str, object]
Probed = tuple[str, AudioProbe | RowError]
Job = tuple[str, str, AudioProbe | None]


class IngestStageParams(Section):
    """What the stage reads of params.yaml."""

    corpora: dict[Name, CorpusParams]
    ingest: IngestParams


def run(corpus_name: str, corpus: CorpusParams, params: IngestParams, root: Root, out: Path, metrics: Path) -> None:
    """Ingest one corpus.

    Parameters
    ----------
    corpus_name
        Its key in params.yaml.
    root
        The corpus.
    out
        Folder for ``utterances.parquet``, ``rejects.parquet`` and ``probes.parquet``, by which the next run decodes changed files alone.
    metrics
        JSON file for counts.

    Raises
    ------
    CorpusError
        If the corpus as a whole cannot be read.
    StorageError
        If its bucket cannot be reached.
    TooManyRejectsError
        After both tables are written.
    """
    listing = list_corpus(corpus_name, corpus, root, ADAPTERS[corpus.adapter])
    rejects = [reject_row(utterance_id, "ingest", error) for utterance_id, error in listing.faults.items()]
    rows: list[Row] = []
    probes = _probe_all(listing, params, out / "probes.parquet", f"ingest {corpus_name}")
    for utterance_id, probed in probes:
        fault = probed if isinstance(probed, RowError) else _broken_limit(probed, params)
        if fault is not None:
            rejects.append(reject_row(utterance_id, "ingest", fault))
        elif isinstance(probed, AudioProbe):
            rows.append(_row(utterance_id, corpus_name, corpus, listing.candidates[utterance_id], probed))
    splits, split_by = _splits(rows, listing, params)
    rows = [row | {"split": split} for row, split in zip(rows, splits.names, strict=True)]
    table, broken = UTTERANCES.whole_rows(UTTERANCES.table(rows))  # a foreign name or text may break it
    rejects += [reject_row(utterance_id, "ingest", fault) for utterance_id, fault in broken.items()]
    write_table(out / "utterances.parquet", table, UTTERANCES)
    write_rejects(out / "rejects.parquet", rejects)
    remove_partials(out)
    extra = _totals(table, listing) | {"split_by": split_by, "split_forced_to_utterance": splits.forced_to_utterance}
    finish(f"ingest {corpus_name}", len(listing), table.num_rows, rejects, params.max_reject_share, metrics, extra)


def _probe_all(listing: Listing, params: IngestParams, kept: Path, label: str) -> list[Probed]:
    """Probe of each candidate, or why it cannot be read, sorted by id; `kept` holds those of the run before, and then of this one."""
    decoder = _decoder(params.max_duration_s)
    before = _stored_probes(kept, decoder)
    jobs = [(utterance_id, c.audio_path, before.get(utterance_id)) for utterance_id, c in listing.candidates.items()]
    task = partial(probe_batch, root=listing.root, max_duration_s=params.max_duration_s)
    found = map_batches(task, in_batches(jobs, BATCH_FILES), label, _lost)
    probes = sorted((probed for batch in found for probed in batch), key=lambda probed: probed[0])
    rows = [{"utterance_id": name, **vars(found), "decoded_by": decoder} for name, found in probes if isinstance(found, AudioProbe)]
    write_table(kept, PROBES.table(rows), PROBES)
    return probes


def _lost(job: Job, error: RowError) -> list[Probed]:
    return [(job[0], error)]


def _stored_probes(path: Path, decoder: str) -> dict[str, AudioProbe]:
    """Probes of an earlier run that this code could have made, by utterance id."""
    rows = rows_before(path, PROBES)
    return {row.pop("utterance_id"): AudioProbe(**row) for row in rows if row.pop("decoded_by") == decoder}


def _decoder(max_duration_s: float) -> str:
    """All that a probe depends on beside the file."""
    return f"numpy {version('numpy')}, soundfile {version('soundfile')}, probe {PROBE_VERSION}, max_duration_s {max_duration_s:g}"


def probe_batch(jobs: list[Job], root: Root, max_duration_s: float) -> list[Probed]:
    """A worker's task: probe files given as (utterance id, path below the root, probe of the run before)."""
    return [(utterance_id, _probe_one(root, path, before, max_duration_s)) for utterance_id, path, before in jobs]


def _probe_one(root: Root, path: str, before: AudioProbe | None, max_duration_s: float) -> AudioProbe | RowError:
    try:
        with local_copy(root, path, again=False) as file:
            if before is not None and file_sha256(file) == before.sha256:
                return before
            return probe(file, max_duration_s)
    except StorageError:
        raise
    except Exception as error:  # one file's surprise must not lose the batch
        return fault_of(error)


def _broken_limit(found: AudioProbe, params: IngestParams) -> RowError | None:
    if found.duration_s < params.min_duration_s:
        detail = f"{found.duration_s:.3f} s, at least {params.min_duration_s:g} s"
        return RowError(Reason.AUDIO_TOO_SHORT, detail, found.duration_s)
    if found.peak_db > MAX_PEAK_DB:
        detail = f"peak {found.peak_db:.1f} dB, at most {MAX_PEAK_DB:g} dB; divide the samples by their full scale"
        return RowError(Reason.AUDIO_OVER_SCALE, detail, found.peak_db)
    if found.swing_db < params.min_peak_db:
        detail = f"{found.swing_db:.1f} dB as one channel without offset, at least {params.min_peak_db:g} dB; peak {found.peak_db:.1f} dB"
        return RowError(Reason.AUDIO_SILENT, detail, found.swing_db)
    return None


def _row(utterance_id: str, corpus_name: str, corpus: CorpusParams, candidate: Candidate, found: AudioProbe) -> Row:
    return {
        "utterance_id": utterance_id,
        "corpus": corpus_name,
        "speaker": f"{corpus_name}/{candidate.speaker}",
        "emotion": candidate.emotion,
        "emotion_label": candidate.emotion_label,
        "intensity": candidate.intensity,
        "language": corpus.language,
        "gender": candidate.gender,
        "text": candidate.text,
        "audio_path": candidate.audio_path,
        "audio_sha256": found.sha256,
        "sample_rate_hz": found.sample_rate_hz,
        "n_samples": found.n_samples,
        "n_channels": found.n_channels,
        "duration_s": found.duration_s,
        "peak_db": found.peak_db,
    }


def _splits(rows: list[Row], listing: Listing, params: IngestParams) -> tuple[Splits, SplitBy]:
    """Splits of the rows, and what they are by: text, where the corpus has no partition of its own but `official` is asked for."""
    ids = [str(row["utterance_id"]) for row in rows]
    if params.split_by == "speaker":
        return assign_splits([str(row["speaker"]) for row in rows], ids, params), "speaker"
    texts = [text_group(str(row["text"])) for row in rows]
    if params.split_by == "official":
        own = official_splits([listing.candidates[utterance_id].split for utterance_id in ids], texts, ids, params)
        if own is not None:
            return own, "official"
    return assign_splits(texts, ids, params), "text"


def _totals(table: pa.Table, listing: Listing) -> dict[str, object]:
    splits = Counter(table.column("split").to_pylist())
    return {
        "audio_files": listing.n_audio_files,
        "audio_files_ignored": listing.n_ignored,
        "splits": {name: splits[name] for name in SPLITS},
        "speakers": len(table.column("speaker").unique()),
        "emotions": Counter(table.column("emotion").to_pylist()),
        "hours": round((pc.sum(table.column("duration_s")).as_py() or 0.0) / 3600, 4),
    }


def main(
    corpus: Annotated[str, typer.Option(help="Key under `corpora` in params.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Turn a corpus folder into the table of its utterances."""
    given = load_params(params, IngestStageParams)
    block = corpus_params(given.corpora, corpus)
    with opened(block.root, params.parent, out) as root:
        run(corpus, block, given.ingest, root, out, metrics)


if __name__ == "__main__":
    run_main("pipeline.ingest")

"""Refinement of a corpus on workers: a model of its own is learned from first alignments, and boundaries are moved by it."""

import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from pipeline import audio
from pipeline.aligners import first_pass, refine
from pipeline.aligners.rows import BATCH_UTTERANCES, Row, phones_of
from pipeline.cluster import in_batches, map_batches
from pipeline.digests import digest, lowest_hashed
from pipeline.files import whole_file
from pipeline.shards import write_table
from pipeline.storage import Root, local_copy
from schemas.errors import CorpusError, RowError
from schemas.params import PocketsphinxParams
from schemas.tables.alignments import REFINED, Interval
from schemas.tables.rejects import reject_row

_FRAMES = ".frames-"


class FirstPass(NamedTuple):
    """What refinement needs to know of an aligned utterance."""

    utterance_id: str
    phones: list[Interval]
    audio_path: str


class Refined(NamedTuple):
    """Moved phones of an utterance, and `refine.fit_of` them."""

    utterance_id: str
    phones: list[Interval]
    fit: float


class RefinedBatch(NamedTuple):
    """What became of a batch: refined utterances, and rejects of those whose file could not be read again."""

    moved: list[Refined]
    rejected: list[Row]


def refine_statistics_batch(
    batch: list[FirstPass], root: Root, model: refine.Model | None, reach_s: float, kept: Path | None = None
) -> refine.Statistics:
    """A worker's task: statistics of some utterances on their best paths, or on their first alignment where there is no model yet.

    Their frames are kept in the folder `kept` for the next round.
    """
    parts = []
    for one in batch:
        try:
            values = _frames(root, one, kept, again=True)
        except RowError:  # gone since the first pass: the last one meets the same fault and rejects the row
            continue
        path = refine.even_path(one.phones, len(values)) if model is None else refine.segment(values, one.phones, model, reach_s)
        parts.append((values, refine.states_of(one.phones)[0], path))
    return refine.statistics(parts)


def refine_batch(batch: list[FirstPass], root: Root, model: refine.Model, reach_s: float, kept: Path | None = None) -> RefinedBatch:
    """A worker's task: moved phones of some utterances, and how well they fit. Frames are taken from `kept`, where learning left them."""
    done = RefinedBatch([], [])
    for one in batch:
        try:
            values = _frames(root, one, kept, again=False)
        except RowError as error:
            done.rejected.append(reject_row(one.utterance_id, "align", error))
            continue
        path = refine.segment(values, one.phones, model, reach_s)
        fit = refine.fit_of(values, one.phones, path, model)
        done.moved.append(Refined(one.utterance_id, refine.moved(one.phones, path), fit))
    return done


def _frames(root: Root, one: FirstPass, kept: Path | None, again: bool) -> refine.Frames:
    """`refine.frames` of an utterance, read from the folder `kept` or written there; float32 holds their 1/256 exactly."""
    path = kept / f"{digest(one.utterance_id)}.npy" if kept is not None else None
    if path is not None and path.is_file():
        values: refine.Frames = np.load(path, allow_pickle=False).astype(np.float64)
        return values
    with local_copy(root, one.audio_path, again) as file:
        values = refine.frames(audio.load(file, refine.SAMPLE_RATE_HZ))
    if path is not None:
        with whole_file(path) as partial, partial.open("wb") as file_of_frames:  # a worker that dies leaves no half file to the next
            np.save(file_of_frames, values.astype(np.float32))
    return values


def _crashed(one: FirstPass, error: RowError) -> RefinedBatch:
    return RefinedBatch([], [reject_row(one.utterance_id, "align", error)])


def learned_on(first: list[FirstPass], params: PocketsphinxParams, root: Root) -> list[FirstPass]:
    """The utterances that a corpus's model is learned on: of `refine_list`, or of all, at most `refine_max_utterances` by hash.

    Raises
    ------
    CorpusError
        If `refine_list` is not in the corpus, or names fewer than `refine_min_utterances` aligned utterances.
    """
    if params.refine_list is not None:
        listed = _listed(root, params.refine_list)
        first = [one for one in first if one.utterance_id in listed]
        if len(first) < params.refine_min_utterances:
            raise CorpusError(
                f"`refine_list: {params.refine_list}` names {len(first)} aligned utterances, "
                f"refine_min_utterances={params.refine_min_utterances} are needed; add ids of the alignments table, one a line"
            )
    return lowest_hashed(first, params.refine_max_utterances, lambda one: one.utterance_id)


def _listed(root: Root, name: str) -> set[str]:
    with local_copy(root, name, again=False) as path:
        inside = not isinstance(root, Path) or path.resolve().is_relative_to(root.resolve())
        if not path.is_file() or not inside:
            raise CorpusError(f"`refine_list: {name}` is no file inside the corpus root; write ids of utterances into it, one a line")
        return set(path.read_text(encoding="utf-8-sig", errors="replace").split("\n"))


def learn_refinement(heard: list[FirstPass], params: PocketsphinxParams, root: Root, kept: Path | None = None) -> refine.Model:
    """The model of a corpus, learned from first alignments of the utterances that `learned_on` chose.

    An utterance that ends each process that computes it adds nothing; the last pass meets it again and rejects it.
    """
    model: refine.Model | None = None
    for number in range(refine.ROUNDS):
        task = partial(refine_statistics_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=kept)
        label = f"refine {number + 1}/{refine.ROUNDS}"
        found = map_batches(task, in_batches(heard, BATCH_UTTERANCES), label, lambda *_: refine.statistics([]))
        model = refine.learn(refine.joined(list(found)), number)
    assert model is not None
    return model


def refined(first: list[FirstPass], fingerprints: dict[str, str], params: PocketsphinxParams, root: Root, out: Path) -> list[RefinedBatch]:
    """Utterances with boundaries moved by a model of the corpus; those of an earlier run, where nothing that they depend on changed."""
    heard, before = learned_on(first, params, root), first_pass.refined_before(out)
    own = first_pass.refined_fingerprints([one.utterance_id for one in heard], fingerprints, params)
    left = [one for one in first if own[one.utterance_id] not in before]
    found = [(one.utterance_id, before[own[one.utterance_id]]) for one in first if own[one.utterance_id] in before]
    kept = [Refined(utterance_id, phones_of(row), row["fit"]) for utterance_id, row in found]
    print(f"align: {len(left)} of {len(first)} utterances to refine, the model is learned on {len(heard)}", file=sys.stderr)
    parts = [RefinedBatch(kept, []), *(_refine(left, heard, params, root, out) if left else [])]
    moved = [one for part in parts for one in part.moved]
    rows: list[Row] = [
        one._asdict() | {"phones": [asdict(phone) for phone in one.phones], "fingerprint": own[one.utterance_id]} for one in moved
    ]
    write_table(out / first_pass.REFINED_FILE, REFINED.table(rows), REFINED)
    return parts


def _refine(left: list[FirstPass], heard: list[FirstPass], params: PocketsphinxParams, root: Root, out: Path) -> list[RefinedBatch]:
    """These utterances, refined by a model learned on `heard`."""
    for folder in out.glob(f"{_FRAMES}*"):  # left by a run that was killed
        shutil.rmtree(folder)
    with TemporaryDirectory(prefix=_FRAMES, dir=out.absolute()) as name:
        model = learn_refinement(heard, params, root, Path(name))
        last = partial(refine_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=Path(name))
        return list(map_batches(last, in_batches(left, BATCH_UTTERANCES), "refined", _crashed))

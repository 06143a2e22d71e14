"""pocketsphinx over a whole corpus: a first pass, then boundaries refined by a model that learns the corpus itself."""

import shutil
import sys
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from pipeline import audio
from pipeline.aligners import first_pass, pocketsphinx, refine
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.rows import BATCH_UTTERANCES, Row, Sorted, joined, sort_rows
from pipeline.cluster import in_batches, map_batches, one_cluster
from pipeline.text.normalise import check_script
from schemas.errors import RowError
from schemas.params import PocketsphinxParams
from schemas.reasons import Reason
from schemas.tables.alignments import Interval
from schemas.tables.rejects import reject_row

_ANY_SCORE = {"min_score": pocketsphinx.LOWEST_SCORE, "min_score_mapped": pocketsphinx.LOWEST_SCORE}  # held to its limit afterwards

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


def align_pocketsphinx_batch(batch: list[tuple[Spoken, str]], root: Path, params: PocketsphinxParams) -> Sorted:
    """A worker's task: load and align some utterances, each with its file's hash, with this process's decoder."""
    aligner = pocketsphinx.process_aligner(params.model_copy(update=_ANY_SCORE))
    hashes = {one.utterance_id: sha256 for one, sha256 in batch}

    def align(one: Spoken) -> Alignment:
        check_script(one.text, one.language)
        samples = audio.load_unchanged(root / one.audio_path, hashes[one.utterance_id], pocketsphinx.SAMPLE_RATE_HZ)
        return aligner.align(one, samples)

    return sort_rows([one for one, _ in batch], align)


def refine_statistics_batch(
    batch: list[FirstPass], root: Path, model: refine.Model | None, reach_s: float, kept: Path | None = None
) -> refine.Statistics:
    """A worker's task: statistics of some utterances on their best paths, or on their first alignment where there is no model yet.

    Their frames are kept in the folder `kept` for the next round.
    """
    parts = []
    for one in batch:
        try:
            values = _frames(one, root, kept)
        except RowError:  # gone since the first pass: the last one meets the same fault and rejects the row
            continue
        path = refine.even_path(one.phones, len(values)) if model is None else refine.segment(values, one.phones, model, reach_s)
        parts.append((values, refine.states_of(one.phones)[0], path))
    return refine.statistics(parts)


def refine_batch(batch: list[FirstPass], root: Path, model: refine.Model, reach_s: float, kept: Path | None = None) -> RefinedBatch:
    """A worker's task: moved phones of some utterances, and how well they fit. Frames are taken from `kept`, where learning left them."""
    done = RefinedBatch([], [])
    for one in batch:
        try:
            values = _frames(one, root, kept)
        except RowError as error:
            done.rejected.append(reject_row(one.utterance_id, "align", error))
            continue
        path = refine.segment(values, one.phones, model, reach_s)
        fit = refine.fit_of(values, one.phones, path, model)
        done.moved.append(Refined(one.utterance_id, refine.moved(one.phones, path), fit))
    return done


def _frames(one: FirstPass, root: Path, kept: Path | None) -> refine.Frames:
    """`refine.frames` of an utterance, read from the folder `kept` or written there; float32 holds their 1/256 exactly."""
    path = kept / f"{sha256(one.utterance_id.encode()).hexdigest()}.npy" if kept is not None else None
    if path is not None and path.is_file():
        values: refine.Frames = np.load(path, allow_pickle=False).astype(np.float64)
        return values
    values = refine.frames(audio.load(root / one.audio_path, refine.SAMPLE_RATE_HZ))
    if path is not None:
        np.save(path, values.astype(np.float32))
    return values


def learn_refinement(first: list[FirstPass], params: PocketsphinxParams, root: Path, kept: Path | None = None) -> refine.Model:
    """The model of a corpus, learned from first alignments of (at most `refine_max_utterances` of) its utterances."""
    heard = sorted(first, key=lambda one: sha256(one.utterance_id.encode()).digest())[: params.refine_max_utterances]
    model: refine.Model | None = None
    for number in range(refine.ROUNDS):
        task = partial(refine_statistics_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=kept)
        found = map_batches(task, in_batches(heard, BATCH_UTTERANCES), f"refine {number + 1}/{refine.ROUNDS}")
        model = refine.learn(refine.joined(list(found)), number)
    assert model is not None
    return model


def align_corpus(heard: list[tuple[Spoken, str]], params: PocketsphinxParams, root: Path, out: Path) -> Sorted:
    """Align a corpus; its utterances come with the sha256 of their files. Boundaries depend on all of the corpus where they are refined.

    Parameters
    ----------
    heard
        Utterances and hashes.
    params
        `align.pocketsphinx`.
    root
        The corpus folder.
    out
        Folder where an earlier run left its first passes, and this one leaves its own.
    """
    root = root.absolute()
    before = first_pass.made_before(heard, params, out)
    print(f"align: {len(before.left)} of {len(heard)} first passes to make", file=sys.stderr)
    task = partial(align_pocketsphinx_batch, root=root, params=params)
    with one_cluster():
        made = joined(map_batches(task, in_batches(before.left, BATCH_UTTERANCES), "align"))
        done = first_pass.keep(joined([before.done, made]), before.fingerprints, out)
        done = first_pass.held_to_score(done, params, {one.utterance_id: one.language for one, _ in heard})
        if params.refine == "none" or len(done.aligned) < params.refine_min_utterances:
            return done
        return _refined(done, params, root, {one.utterance_id: one.audio_path for one, _ in heard}, out)


def _refined(done: Sorted, params: PocketsphinxParams, root: Path, paths: dict[str, str], out: Path) -> Sorted:
    """The corpus with boundaries moved by a model of its own, less utterances that fit it badly."""
    first = [FirstPass(*_id_and_phones(row), audio_path=paths[str(row["utterance_id"])]) for row in done.aligned]
    for left in out.glob(f"{_FRAMES}*"):  # by a run that was killed
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=_FRAMES, dir=out.absolute()) as folder:
        model = learn_refinement(first, params, root, Path(folder))
        last = partial(refine_batch, root=root, model=model, reach_s=params.refine_reach_s, kept=Path(folder))
        parts = list(map_batches(last, in_batches(first, BATCH_UTTERANCES), "refined"))
    refined = {one.utterance_id: one for part in parts for one in part.moved}
    kept = Sorted([], [*done.rejected, *(row for part in parts for row in part.rejected)])
    for row in done.aligned:
        one = refined.get(str(row["utterance_id"]))
        if one is None:
            continue
        if one.fit < params.refine_min_fit:
            detail = f"its speech fits its phones by {one.fit:.1f}, below refine_min_fit={params.refine_min_fit:g}; compare text and audio"
            kept.rejected.append(reject_row(one.utterance_id, "align", RowError(Reason.ALIGNMENT_LOW_SCORE, detail, round(one.fit, 3))))
        else:
            kept.aligned.append(_with_phones(row, one.phones))
    return kept


def _id_and_phones(row: Row) -> tuple[str, list[Interval]]:
    phones = row["phones"]
    assert isinstance(phones, (list, tuple))
    return str(row["utterance_id"]), [Interval(**phone) for phone in phones]


def _with_phones(row: Row, phones: list[Interval]) -> Row:
    """The row with moved phones, and its words moved with their phones."""
    _, before = _id_and_phones(row)
    words = row["words"]
    assert isinstance(words, (list, tuple))
    edges = {old.start_s: new.start_s for old, new in zip(before, phones, strict=True)} | {before[-1].end_s: phones[-1].end_s}
    old_s = np.array(list(edges))

    def new_s(time_s: float) -> float:
        return edges[float(old_s[np.argmin(np.abs(old_s - time_s))])]

    moved = [{"label": word["label"], "start_s": new_s(word["start_s"]), "end_s": new_s(word["end_s"])} for word in words]
    return row | {"phones": [asdict(phone) for phone in phones], "words": moved, "aligner": f"{row['aligner']}, refined"}

"""pocketsphinx over a whole corpus: a first pass, then boundaries refined by a model that learns the corpus itself."""

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import audio
from pipeline.aligners import first_pass, pocketsphinx
from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.refine_corpus import FirstPass, RefinedBatch, refined
from pipeline.aligners.rows import BATCH_UTTERANCES, Results, Row, align_each, crashed, joined, phones_of
from pipeline.cluster import in_batches, map_batches, one_cluster
from pipeline.storage import Root, absolute, local_copy
from pipeline.text.normalise import check_script
from schemas.errors import RowError
from schemas.params import PocketsphinxParams
from schemas.reasons import Reason
from schemas.tables.alignments import Interval
from schemas.tables.rejects import reject_row

_ANY_SCORE = {"min_score": pocketsphinx.LOWEST_SCORE, "min_score_mapped": pocketsphinx.LOWEST_SCORE}  # held to its limit afterwards


def align_pocketsphinx_batch(batch: list[tuple[Spoken, str]], root: Root, params: PocketsphinxParams) -> Results:
    """A worker's task: load and align some utterances, each with its file's hash, with this process's decoder."""
    aligner = pocketsphinx.process_aligner(params.model_copy(update=_ANY_SCORE))
    hashes = {one.utterance_id: sha256 for one, sha256 in batch}

    def align(one: Spoken) -> Alignment:
        check_script(one.text, one.language)
        with local_copy(root, one.audio_path, again=params.refine != "none") as file:
            samples = audio.load_unchanged(file, hashes[one.utterance_id], pocketsphinx.SAMPLE_RATE_HZ)
        return aligner.align(one, samples)

    return align_each([one for one, _ in batch], align)


def align_corpus(heard: list[tuple[Spoken, str]], params: PocketsphinxParams, root: Root, out: Path) -> Results:
    """Align a corpus; its utterances come with the sha256 of their files. Boundaries depend on all of the corpus where they are refined.

    Parameters
    ----------
    heard
        Utterances and hashes.
    params
        `align.pocketsphinx`.
    root
        The corpus.
    out
        Folder where an earlier run left its first passes, and this one leaves its own.
    """
    root = absolute(root)
    before = first_pass.made_before(heard, params, out)
    print(f"align: {len(before.left)} of {len(heard)} first passes to make", file=sys.stderr)
    task = partial(align_pocketsphinx_batch, root=root, params=params)
    with one_cluster():
        batches = in_batches(before.left, BATCH_UTTERANCES)
        made = joined(map_batches(task, batches, "align", lambda one, error: crashed(one[0], error)))
        done = first_pass.keep(joined([before.done, made]), before.fingerprints, out)
        done = first_pass.held_to_score(done, params, {one.utterance_id: one.language for one, _ in heard})
        if params.refine == "none" or len(done.aligned) < params.refine_min_utterances:
            (out / first_pass.REFINED_FILE).unlink(missing_ok=True)
            return done
        paths = {one.utterance_id: one.audio_path for one, _ in heard}
        first = [FirstPass(row["utterance_id"], phones_of(row), paths[row["utterance_id"]]) for row in done.aligned]
        parts = refined(first, before.fingerprints, params, root, out)
    return _held_to_fit(done, parts, params)


def _held_to_fit(done: Results, parts: list[RefinedBatch], params: PocketsphinxParams) -> Results:
    """The aligned rows with their refined phones; those that fit badly become rejects."""
    moved = {one.utterance_id: one for part in parts for one in part.moved}
    kept = Results([], [*done.rejected, *(row for part in parts for row in part.rejected)])
    for row in done.aligned:
        one = moved.get(row["utterance_id"])
        if one is None:
            continue
        if one.fit < params.refine_min_fit:
            detail = f"its speech fits its phones by {one.fit:.1f}, below refine_min_fit={params.refine_min_fit:g}; compare text and audio"
            kept.rejected.append(reject_row(one.utterance_id, "align", RowError(Reason.ALIGNMENT_LOW_SCORE, detail, round(one.fit, 3))))
        else:
            kept.aligned.append(_with_phones(row, one.phones))
    return kept


def _with_phones(row: Row, phones: list[Interval]) -> Row:
    """The row with moved phones, and its words moved with their phones."""
    before = phones_of(row)
    edges = {old.start_s: new.start_s for old, new in zip(before, phones, strict=True)} | {before[-1].end_s: phones[-1].end_s}
    old_s = np.array(list(edges))

    def new_s(time_s: float) -> float:
        return edges[float(old_s[np.argmin(np.abs(old_s - time_s))])]

    moved = [{"label": word["label"], "start_s": new_s(word["start_s"]), "end_s": new_s(word["end_s"])} for word in row["words"]]
    return row | {"phones": [asdict(phone) for phone in phones], "words": moved, "aligner": f"{row['aligner']}, refined"}

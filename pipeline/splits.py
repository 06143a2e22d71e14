"""Splits by hash, a function of salt and group alone, so utterances that come or go move no other; and the corpus's own."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.params import IngestParams, SplitName


@dataclass(frozen=True)
class Splits:
    """The split of each utterance, in the order given, and whether groups had to be torn apart for it."""

    names: tuple[SplitName, ...]
    forced_to_utterance: bool


def text_group(text: str) -> str:
    """What makes two transcripts the same sentence: letters and digits, without case, marks, punctuation and spacing."""
    plain = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", text).casefold())
    return " ".join(plain.split())


def hash_share(key: str, salt: str) -> float:
    """Place of `key` in [0, 1), evenly spread: 48 bits of SHA-256 of salt, a zero and the key."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{key}".encode()).digest()[:6], "big") / 2**48


def assign_splits(groups: Sequence[str], utterance_ids: Sequence[str], params: IngestParams) -> Splits:
    """Split utterances so that a group (a sentence or a speaker) stands in one split.

    A group's hash share below `test_share` is test, below ``test_share + validation_share`` validation, else train. Where that
    leaves train or a wanted split (its share is above 0) without a group, it is given the group with the lowest hash that
    another split can spare, train before the others. With fewer groups than wanted splits, groups are torn: the utterance's
    id is hashed instead.

    Parameters
    ----------
    groups
        Of each utterance: normalised text or speaker.
    utterance_ids
        Of each utterance, unique, in the same order.
    """
    forced = len(set(groups)) < len(_wanted(params)) and len(groups) > len(set(groups))
    keys = utterance_ids if forced else groups
    split_of_key = _splits_of_keys(set(keys), params)
    return Splits(tuple(split_of_key[key] for key in keys), forced)


def official_splits(
    own: Sequence[SplitName | None], groups: Sequence[str], utterance_ids: Sequence[str], params: IngestParams
) -> Splits | None:
    """The corpus's own partition; a wanted split that it lacks is carved out of its train part by hash, as `assign_splits` does.

    Parameters
    ----------
    own
        Of each utterance: what the corpus says.
    groups, utterance_ids
        As for `assign_splits`.

    Returns
    -------
    Splits | None
        None where the corpus has no partition: an utterance without a split, or none for training.
    """
    named = [name for name in own if name is not None]
    if len(named) < len(own) or "train" not in named:
        return None
    absent = params.model_copy(update={f"{name}_share": 0.0 for name in ("validation", "test") if name in named})
    if not any((absent.validation_share, absent.test_share)):
        return Splits(tuple(named), False)
    at = [index for index, name in enumerate(named) if name == "train"]
    carved = assign_splits([groups[index] for index in at], [utterance_ids[index] for index in at], absent)
    for index, name in zip(at, carved.names, strict=True):
        named[index] = name
    return Splits(tuple(named), carved.forced_to_utterance)


def _wanted(params: IngestParams) -> list[SplitName]:
    shares: list[tuple[SplitName, float]] = [("test", params.test_share), ("validation", params.validation_share)]
    return ["train", *(name for name, share in shares if share > 0)]


def _splits_of_keys(keys: set[str], params: IngestParams) -> dict[str, SplitName]:
    ordered = sorted(keys, key=lambda key: (hash_share(key, params.split_salt), key))
    splits = {key: _split(hash_share(key, params.split_salt), params) for key in ordered}
    for wanted in _wanted(params):
        if wanted not in splits.values():
            donor = _donor(ordered, splits, wanted)
            if donor is not None:
                splits[donor] = wanted
    return splits


def _split(share: float, params: IngestParams) -> SplitName:
    if share < params.test_share:
        return "test"
    return "validation" if share < params.test_share + params.validation_share else "train"


def _donor(ordered: list[str], splits: dict[str, SplitName], wanted: SplitName) -> str | None:
    """The key to move into an empty split: the lowest hash of a split that keeps one; train, without which nothing goes, takes the last."""
    if wanted == "train":
        return ordered[-1] if ordered else None
    sizes = Counter(splits.values())
    spare = [key for key in ordered if sizes[splits[key]] > 1]
    return next((key for key in spare if splits[key] == "train"), spare[0] if spare else None)

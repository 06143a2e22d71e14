"""Pronunciations of English words that stand in no dictionary: espeak-ng against the network of g2p_en.

    pip install --no-deps g2p_en && python -m benchmarks.g2p

Words of pocketsphinx's cmudict, chosen by hash, are pronounced without it and compared with their nearest pronunciation there,
without stress. g2p_en learned its weights on cmudict and says not on which words: it has seen most of these, so that its numbers
flatter it and espeak-ng's do not. Its weights are read from its wheel (its own code wants a download when it is imported).
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import editdistance
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline.stage import run_main
from pipeline.text.g2p import arpabet
from schemas.errors import DependencyError, RowError

Pronounce = Callable[[str], list[str]]
Weights = dict[str, NDArray[np.float32]]

_LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
_STRESSED = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
_PLAIN = ["B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"]
_PHONES = ["<pad>", "<unk>", "<s>", "</s>", *sorted([*_PLAIN, "UW", *(f"{vowel}{stress}" for vowel in _STRESSED for stress in "012")])]
_START, _END, _LONGEST = 2, 3, 20


def dictionary() -> dict[str, list[list[str]]]:
    """Pronunciations of each word of pocketsphinx's cmudict that is all letters."""
    from pocketsphinx import get_model_path

    said: dict[str, list[list[str]]] = {}
    for line in Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        word = word.partition("(")[0]
        if word.isalpha():
            said.setdefault(word, []).append(phones)
    return said


def errors(pronounce: Pronounce, words: Sequence[str], said: dict[str, list[list[str]]]) -> tuple[float, float]:
    """Percent of words that agree with a pronunciation of the dictionary, and phone errors a hundred phones."""
    exact, wrong, phones = 0, 0, 0
    for word in words:
        try:
            own = pronounce(word)
        except RowError:
            own = []
        apart, nearest = min((editdistance.eval(own, other), other) for other in said[word])
        exact, wrong, phones = exact + (apart == 0), wrong + apart, phones + len(nearest)
    return 100 * exact / len(words), 100 * wrong / phones


def network() -> Pronounce:
    """g2p_en's encoder and decoder (one GRU cell each), greedy."""
    found = find_spec("g2p_en")  # finds the package without running it
    if found is None or found.origin is None:
        raise DependencyError("g2p_en is not installed; run `pip install --no-deps g2p_en`")
    with np.load(Path(found.origin).with_name("checkpoint20.npz")) as file:
        weights: Weights = dict(file)

    def pronounce(word: str) -> list[str]:
        state = np.zeros(weights["enc_w_hh"].shape[1], dtype=np.float32)
        for letter in [*word, "</s>"]:
            index = _LETTERS.index(letter) if letter in _LETTERS else 1
            state = _gru(weights["enc_emb"][index], state, weights, "enc")
        phones: list[str] = []
        last = _START
        while len(phones) < _LONGEST:
            state = _gru(weights["dec_emb"][last], state, weights, "dec")
            last = int(np.argmax(weights["fc_w"] @ state + weights["fc_b"]))
            if last == _END:
                break
            phones.append(_PHONES[last].rstrip("012"))
        return phones

    return pronounce


def _gru(value: NDArray[np.float32], state: NDArray[np.float32], weights: Weights, side: str) -> NDArray[np.float32]:
    given = weights[f"{side}_w_ih"] @ value + weights[f"{side}_b_ih"]
    kept = weights[f"{side}_w_hh"] @ state + weights[f"{side}_b_hh"]
    n = len(state)
    reset, update = np.split(1 / (1 + np.exp(-(given[: 2 * n] + kept[: 2 * n]))), 2)
    new = np.tanh(given[2 * n :] + reset * kept[2 * n :])
    result: NDArray[np.float32] = (1 - update) * new + update * state
    return result


def main(n_words: Annotated[int, typer.Option(min=1, help="Words to pronounce.")] = 2000) -> None:
    """Print exact matches and phone error rates."""
    said = dictionary()
    words = sorted(said, key=lambda word: sha256(word.encode()).digest())[:n_words]
    candidates: dict[str, Pronounce] = {"espeak-ng": arpabet, "g2p_en (has learned most of these words)": network()}
    table = Table("", "exact, %", "phone error rate, %", title=f"{n_words} words of cmudict")
    for name, pronounce in candidates.items():
        exact, rate = errors(pronounce, words, said)
        table.add_row(name, f"{exact:.1f}", f"{rate:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    run_main("benchmarks.g2p")

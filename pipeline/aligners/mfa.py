"""Forced alignment with the command line of Montreal Forced Aligner 3.x, a program of its own that conda installs.

Exit code 0 does not mean that all was aligned: what comes back is compared with what went in, by name.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.aligners.alignment import Alignment, Spoken, speech, tile
from pipeline.aligners.textgrid import read_textgrid
from pipeline.audio import MAX_DURATION_S, probe
from pipeline.text.normalise import words as words_of
from schemas.errors import DependencyError, ParamsError, RowError
from schemas.params import MfaParams
from schemas.reasons import Reason
from schemas.tables.alignments import SPOKEN_NOISE, Interval

Outcome = Alignment | RowError

_SHOWN_LOG_LINES = 15
_SUFFIXES = {"acoustic": ".zip", "dictionary": ".dict"}


def align_mfa(spoken: Sequence[Spoken], root: Path, params: MfaParams, n_jobs: int) -> dict[str, Outcome]:
    """Align utterances in one run of MFA: an alignment or a reason for each, none left out.

    Parameters
    ----------
    spoken
        Utterances; the order does not matter.
    root
        Corpus root that audio paths are relative to.
    params
        `align.mfa`.
    n_jobs
        MFA's processes. `mode: train` uses one, as its result depends on their number.

    Returns
    -------
    dict
        Utterance id to alignment, or to the `RowError` that rejects it: faults of audio, `TEXT_EMPTY`, `ALIGNMENT_MISSING`
        (MFA left it out), `OUT_OF_VOCABULARY` (names the words), or as `tile`.

    Raises
    ------
    DependencyError
        If the program is missing or ends with an error; its log is kept and named.
    ParamsError
        If the dictionary or acoustic model is not there.
    """
    program = find_program(params.command)
    outcomes: dict[str, Outcome] = {}
    texts: dict[str, str] = {}
    for one in spoken:
        try:
            texts[one.utterance_id] = _checked_text(one, root)
        except RowError as error:
            outcomes[one.utterance_id] = error
    usable = sorted((one for one in spoken if one.utterance_id in texts), key=lambda one: one.utterance_id)
    if usable:
        outcomes |= _run_on(usable, texts, root, params, program, n_jobs)
    return outcomes


def find_program(command: str) -> Path:
    """The MFA program by name on PATH or by path; raises `DependencyError` that says how to get it."""
    found = shutil.which(str(Path(command).expanduser()))
    if found is None:
        raise DependencyError(
            f"Montreal Forced Aligner is not found as '{command}'. Install it with `conda env create -f environment-mfa.yml` and set "
            "`align.mfa.command` to that environment's bin/mfa; or set `aligner: pocketsphinx`"
        )
    return Path(found).absolute()


def read_output(path: Path, spoken: Spoken, text_read: str, aligner: str) -> Alignment:
    """MFA's TextGrid of one utterance as an alignment.

    Raises
    ------
    RowError
        `ALIGNMENT_MISSING` if MFA wrote none, `OUT_OF_VOCABULARY` if a word has the phone `spn` (MFA's mark of a word that its
        dictionary lacks), `ALIGNMENT_UNREADABLE`, or as `tile`.
    """
    if not path.is_file():
        raise RowError(Reason.ALIGNMENT_MISSING, "MFA left this utterance out: text and audio may differ, or the audio is silent")
    tiers = read_textgrid(path)
    phone_tier, word_tier = (_tier(tiers, name, path) for name in ("phones", "words"))
    phones, words = tile(phone_tier, spoken.duration_s), speech(word_tier, spoken.duration_s)
    unknown = [word.label for word in words if any(_within(phone, word) and phone.label == SPOKEN_NOISE for phone in phones)]
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        raise RowError(Reason.OUT_OF_VOCABULARY, f"not in MFA's dictionary: {named}", float(len(unknown)))
    return Alignment(words, phones, spoken.duration_s, None, text_read, aligner)


def _run_on(
    usable: Sequence[Spoken], texts: Mapping[str, str], root: Path, params: MfaParams, program: Path, n_jobs: int
) -> dict[str, Outcome]:
    folder = Path(tempfile.mkdtemp(prefix="espressivo-mfa-"))  # fresh: MFA mixes up runs that share a folder
    names = _safe_names(usable)
    for one in usable:
        _place(folder / "corpus" / names[one.utterance_id], root / one.audio_path, texts[one.utterance_id])
    _call(_arguments(params, folder, n_jobs), program, folder)
    aligner = _version(program, folder)
    outcomes: dict[str, Outcome] = {}
    for one in usable:
        try:
            path = folder / "out" / f"{names[one.utterance_id]}.TextGrid"
            outcomes[one.utterance_id] = read_output(path, one, texts[one.utterance_id], aligner)
        except RowError as error:
            outcomes[one.utterance_id] = error
    shutil.rmtree(folder)
    return outcomes


def _checked_text(one: Spoken, root: Path) -> str:
    """The words for the .lab file; a recording that cannot be decoded is rejected here, as one bad file ends MFA's run."""
    text = " ".join(words_of(one.text, one.language))
    if not text:
        raise RowError(Reason.TEXT_EMPTY, f"no words in {one.text[:100]!r}")
    probe(root / one.audio_path, MAX_DURATION_S)
    return text


def _safe_names(usable: Sequence[Spoken]) -> dict[str, str]:
    """``s0001/u000001`` a speaker and utterance: ids may hold what file systems and MFA do not take."""
    speakers = {speaker: f"s{number:04d}" for number, speaker in enumerate(sorted({one.speaker for one in usable}))}
    return {one.utterance_id: f"{speakers[one.speaker]}/u{number:06d}" for number, one in enumerate(usable)}


def _place(stem: Path, audio: Path, text: str) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(audio.suffix.lower()).symlink_to(audio.resolve())
    stem.with_suffix(".lab").write_text(text + "\n", encoding="utf-8")


def _arguments(params: MfaParams, folder: Path, n_jobs: int) -> list[str]:
    dictionary = folder / "dictionary.dict"
    shutil.copyfile(_resolved(params.dictionary, "dictionary"), dictionary)  # `mfa train` rewrites the file that it is given
    common = ["--clean", "--final_clean", "--quiet", *(["--single_speaker"] if params.single_speaker else [])]
    if params.mode == "train":
        models = [str(folder / "model.zip"), "--output_directory", str(folder / "out")]
        return ["train", str(folder / "corpus"), str(dictionary), *models, *common, "--num_jobs", "1", "--no_use_mp"]
    acoustic = _resolved(params.acoustic_model, "acoustic")
    return ["align", str(folder / "corpus"), str(dictionary), str(acoustic), str(folder / "out"), *common, "--num_jobs", str(n_jobs)]


def _resolved(name_or_path: str, kind: str) -> Path:
    """The file of a model. MFA looks names up under its root folder, which is a fresh one in our runs, so it is done here."""
    path = Path(name_or_path).expanduser()
    own_root = Path(os.environ.get("MFA_ROOT_DIR", "~/Documents/MFA")).expanduser()
    named = own_root / "pretrained_models" / kind / f"{name_or_path}{_SUFFIXES[kind]}"
    for candidate in (path, named):
        if candidate.is_file():
            return candidate.resolve()
    raise ParamsError(
        f"MFA's {kind} model '{name_or_path}' is neither a file nor {named}; run `mfa model download {kind} {name_or_path}`, or give a path"
    )


def _call(arguments: list[str], program: Path, folder: Path) -> None:
    log = folder / "mfa.log"
    with log.open("wb") as file:
        done = subprocess.run([program, *arguments], stdout=file, stderr=subprocess.STDOUT, env=_environment(program, folder), check=False)
    if done.returncode == 0:
        return
    shutil.rmtree(folder / "corpus")
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_SHOWN_LOG_LINES:]
    raise DependencyError(
        "\n".join([f"`mfa {arguments[0]}` ended with code {done.returncode}; its last lines:", *last])
        + f"\nRead {log} and {folder / 'root'}, mend the cause, and rerun the stage"
    )


def _environment(program: Path, folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])  # tools of its conda environment
    return os.environ | {"MFA_ROOT_DIR": str(folder / "root"), "PYTHONHASHSEED": "0", "PATH": path}


def _version(program: Path, folder: Path) -> str:
    done = subprocess.run([program, "version"], capture_output=True, text=True, env=_environment(program, folder), check=False)
    number = re.search(r"\d+\.\d+\.\d+\S*", done.stdout)
    return f"mfa {number[0]}" if number else "mfa"


def _tier(tiers: dict[str, list[Interval]], name: str, path: Path) -> list[Interval]:
    """The only tier called `name`, alone or after a speaker (``s0000 - phones``)."""
    for full_name, intervals in tiers.items():
        if full_name == name or full_name.endswith(f" - {name}"):
            return intervals
    raise RowError(Reason.ALIGNMENT_UNREADABLE, f"{path.name}: MFA wrote no tier '{name}', only {', '.join(tiers) or 'none'}")


def _within(phone: Interval, word: Interval) -> bool:
    return phone.start_s < word.end_s and phone.end_s > word.start_s

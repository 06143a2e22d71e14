"""Forced alignment with the command line of Montreal Forced Aligner 3.x, a program of its own that conda installs.

Exit code 0 does not mean that all was aligned: what comes back is compared with what went in, by name. Where it works is
configuration from the environment, as for `pipeline.cluster`:

``ESPRESSIVO_MFA_DIR``  folder for MFA's files of a run; logs, dictionary and a trained model stay there. Default: the system's
                        temporary folder, and all is removed after a run that went well
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import soundfile as sf

from pipeline.aligners.alignment import Alignment, Spoken, speech, tile
from pipeline.aligners.textgrid import read_textgrid
from pipeline.audio import MAX_DURATION_S, load, probe
from pipeline.storage import Root, local_copy
from pipeline.text.espeak import pronounce
from pipeline.text.normalise import check_script
from pipeline.text.normalise import words as words_of
from schemas.errors import DependencyError, ParamsError, RowError
from schemas.params import MfaParams
from schemas.reasons import Reason
from schemas.tables.alignments import SPOKEN_NOISE, Interval

Outcome = Alignment | RowError

_SHOWN_LOG_LINES = 15
_SUFFIXES = {"acoustic": ".zip", "dictionary": ".dict"}
_OWN_DICTIONARY = "espeak"  # `align.mfa.dictionary` that is no name of a model: we write it
_READ_AS_THEY_ARE = frozenset({".wav", ".flac"})  # MFA passes over suffixes that it does not know, and others need sox or ffmpeg
_MIN_RATE_HZ = 16_000  # MFA drops a recording below its model's rate (16 kHz for the public ones) without a word
_MAX_PRONOUNCED_CHARS = 5_000  # a call of espeak-ng


def align_mfa(spoken: Sequence[Spoken], root: Root, params: MfaParams, n_jobs: int) -> dict[str, Outcome]:
    """Align utterances in one run of MFA: an alignment or a reason for each, none left out.

    Parameters
    ----------
    spoken
        Utterances; the order does not matter.
    root
        Corpus that audio paths are relative to. Recordings in a bucket are copied to the run's folder, one after the other.
    params
        `align.mfa`.
    n_jobs
        MFA's processes; it uses at most one a speaker unless `single_speaker`. `mode: train` uses one, as its result depends on their
        number; that of `mode: align` does not.

    Returns
    -------
    dict
        Utterance id to alignment, or to the `RowError` that rejects it: faults of audio, `TEXT_EMPTY`, `TEXT_SCRIPT`, `ALIGNMENT_MISSING`
        (MFA left it out), `OUT_OF_VOCABULARY` (names the words), or as `tile`. `score` is MFA's mean log-likelihood of a speech
        frame; None with `mode: train`, where MFA tells none.

    Raises
    ------
    DependencyError
        If the program is missing or ends with an error; its log is kept and named.
    ParamsError
        If the dictionary or acoustic model is not there, or our own dictionary is asked for with a given acoustic model.
    """
    program = find_program(params.command)
    models = _models(params)
    outcomes: dict[str, Outcome] = {}
    texts: dict[str, str] = {}
    for one in spoken:
        try:
            texts[one.utterance_id] = _checked_text(one, root)
        except RowError as error:
            outcomes[one.utterance_id] = error
    usable = sorted((one for one in spoken if one.utterance_id in texts), key=lambda one: one.utterance_id)
    if usable:
        outcomes |= _run_on(usable, texts, root, params, models, program, n_jobs)
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
        detail = f"not in MFA's dictionary, or with phones that its acoustic model lacks: {named}"
        raise RowError(Reason.OUT_OF_VOCABULARY, detail, float(len(unknown)))
    return Alignment(words, phones, spoken.duration_s, None, text_read, aligner)


def read_scores(path: Path) -> dict[str, float]:
    """Mean log-likelihood of a speech frame by file stem, from the ``alignment_analysis.csv`` that `mfa align` leaves; may be empty."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["file"]: float(row["speech_log_likelihood"]) for row in rows if row.get("file") and row.get("speech_log_likelihood")}


def _run_on(
    usable: Sequence[Spoken],
    texts: Mapping[str, str],
    root: Root,
    params: MfaParams,
    models: Mapping[str, Path],
    program: Path,
    n_jobs: int,
) -> dict[str, Outcome]:
    folder = _fresh_folder()
    names = _safe_names(usable)
    for one in usable:
        _place(folder / "corpus" / names[one.utterance_id], root, one.audio_path, texts[one.utterance_id])
    dictionary = folder / "dictionary.dict"
    if "dictionary" in models:
        shutil.copyfile(models["dictionary"], dictionary)  # `mfa train` rewrites the file that it is given
    else:
        dictionary.write_text(espeak_dictionary(usable, texts), encoding="utf-8")
    if params.validate_first:
        print(_call(_validation(params, folder, models, n_jobs), program, folder), file=sys.stderr)
    _call(_arguments(params, folder, models, n_jobs), program, folder)
    outcomes = _read_all(usable, texts, names, folder / "out", _version(program, folder))
    _clear(folder)
    return outcomes


def _read_all(usable: Sequence[Spoken], texts: Mapping[str, str], names: Mapping[str, str], out: Path, aligner: str) -> dict[str, Outcome]:
    scores = read_scores(out / "alignment_analysis.csv")
    outcomes: dict[str, Outcome] = {}
    for one in usable:
        name = names[one.utterance_id]
        try:
            alignment = read_output(out / f"{name}.TextGrid", one, texts[one.utterance_id], aligner)
            outcomes[one.utterance_id] = replace(alignment, score=scores.get(name.rpartition("/")[2]))
        except RowError as error:
            outcomes[one.utterance_id] = error
    return outcomes


def _fresh_folder() -> Path:
    """A folder of this run's own: MFA mixes up runs that share one."""
    wanted = os.environ.get("ESPRESSIVO_MFA_DIR")
    if wanted:
        Path(wanted).expanduser().mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="espressivo-mfa-", dir=Path(wanted).expanduser() if wanted else None)).absolute()


def _clear(folder: Path) -> None:
    """Remove a finished run's files; where the user named the folder, logs, dictionary and model stay."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    if not os.environ.get("ESPRESSIVO_MFA_DIR"):
        shutil.rmtree(folder)


def _checked_text(one: Spoken, root: Root) -> str:
    """The words for the .lab file; a recording that cannot be decoded is rejected here, as one bad file ends MFA's run."""
    check_script(one.text, one.language)
    text = " ".join(words_of(one.text, one.language))
    if not text:
        raise RowError(Reason.TEXT_EMPTY, f"no words in {one.text[:100]!r}")
    with local_copy(root, one.audio_path, again=True) as file:
        probe(file, MAX_DURATION_S)
    return text


def _safe_names(usable: Sequence[Spoken]) -> dict[str, str]:
    """``s0001/u000001`` a speaker and utterance: ids may hold what file systems and MFA do not take."""
    speakers = {speaker: f"s{number:04d}" for number, speaker in enumerate(sorted({one.speaker for one in usable}))}
    return {one.utterance_id: f"{speakers[one.speaker]}/u{number:06d}" for number, one in enumerate(usable)}


def _place(stem: Path, root: Root, audio_path: str, text: str) -> None:
    """The recording and its words where MFA looks for them; a recording that it would pass over is written as a WAV that it takes."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with local_copy(root, audio_path, again=True) as audio:
        rate_hz = sf.info(audio).samplerate
        if audio.suffix.lower() not in _READ_AS_THEY_ARE or rate_hz < _MIN_RATE_HZ:
            rate_hz = max(rate_hz, _MIN_RATE_HZ)
            sf.write(stem.with_suffix(".wav"), load(audio, rate_hz), rate_hz, subtype="PCM_16")
        elif isinstance(root, Path):
            stem.with_suffix(audio.suffix.lower()).symlink_to(audio.resolve())
        else:
            shutil.move(audio, stem.with_suffix(audio.suffix.lower()))
    stem.with_suffix(".lab").write_text(text + "\n", encoding="utf-8")


def espeak_dictionary(usable: Sequence[Spoken], texts: Mapping[str, str]) -> str:
    """A pronunciation dictionary of the corpus's own words in espeak-ng's IPA without stress, as MFA reads it: ``word<tab>p1 p2``.

    A word that espeak-ng cannot speak is left out; MFA then marks it, and its utterance is rejected by name.
    """
    lines = set()
    for language in sorted({one.language for one in usable}):
        known = sorted({word for one in usable if one.language == language for word in texts[one.utterance_id].split()})
        for batch in _of_length(known, _MAX_PRONOUNCED_CHARS):
            for word, ipa in zip(batch, pronounce(" ".join(batch), language), strict=True):
                if phones := [phone.strip("ˈˌ") for phone in ipa]:
                    lines.add(f"{word}\t{' '.join(phones)}\n")
    return "".join(sorted(lines))


def _of_length(known: Sequence[str], n_chars: int) -> list[list[str]]:
    """Consecutive words in lists of at most `n_chars` characters together (a longer word stands alone)."""
    batches: list[list[str]] = []
    room = 0
    for word in known:
        if not batches or len(word) + 1 > room:
            batches.append([])
            room = n_chars
        batches[-1].append(word)
        room -= len(word) + 1
    return batches


def _arguments(params: MfaParams, folder: Path, models: Mapping[str, Path], n_jobs: int) -> list[str]:
    place = [str(folder / "corpus"), str(folder / "dictionary.dict")]
    if params.mode == "train":
        made = [str(folder / "model.zip"), "--output_directory", str(folder / "out")]
        return ["train", *place, *made, *_common(params), "--num_jobs", "1", "--no_use_mp"]
    return ["align", *place, str(models["acoustic"]), str(folder / "out"), *_common(params), "--num_jobs", str(n_jobs)]


def _validation(params: MfaParams, folder: Path, models: Mapping[str, Path], n_jobs: int) -> list[str]:
    """Of corpus and dictionary. Its acoustic part would be the alignment itself, with what fails there reported less exactly."""
    acoustic = ["--acoustic_model_path", str(models["acoustic"])] if "acoustic" in models else []
    place = [str(folder / "corpus"), str(folder / "dictionary.dict")]
    return ["validate", *place, *acoustic, "--ignore_acoustics", *_common(params), "--num_jobs", str(n_jobs)]


def _common(params: MfaParams) -> list[str]:
    return ["--clean", "--final_clean", "--quiet", *(["--single_speaker"] if params.single_speaker else [])]


def _models(params: MfaParams) -> dict[str, Path]:
    """The files of the acoustic model (none for training) and of the dictionary (none for our own)."""
    models = {"dictionary": _resolved(params.dictionary, "dictionary")} if params.dictionary != _OWN_DICTIONARY else {}
    if params.mode == "train":
        return models
    if not models:
        raise ParamsError(
            "`align.mfa.dictionary: espeak` is for `mode: train`: a given acoustic model knows the phones of its own dictionary alone; "
            "name that dictionary, or set `align.mfa.mode: train`"
        )
    return {**models, "acoustic": _resolved(params.acoustic_model, "acoustic")}


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


def _call(arguments: list[str], program: Path, folder: Path) -> str:
    """Run MFA in a root folder of its own; what it printed, which stays in ``<command>.log``."""
    command = arguments[0]
    log = folder / f"{command}.log"
    environment = _environment(program, folder / "root" / command)
    with log.open("wb") as file:
        done = subprocess.run([program, *arguments], stdout=file, stderr=subprocess.STDOUT, env=environment, check=False)
    printed = log.read_text(encoding="utf-8", errors="replace").strip()
    if done.returncode == 0:
        return printed
    shutil.rmtree(folder / "corpus")
    raise DependencyError(
        "\n".join([f"`mfa {command}` ended with code {done.returncode}; its last lines:", *printed.splitlines()[-_SHOWN_LOG_LINES:]])
        + f"\nRead {log} and {folder / 'root'}, mend the cause, and rerun the stage"
    )


def _environment(program: Path, root: Path) -> dict[str, str]:
    root.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])  # tools of its conda environment
    return os.environ | {"MFA_ROOT_DIR": str(root), "PYTHONHASHSEED": "0", "PATH": path}


def _version(program: Path, folder: Path) -> str:
    done = subprocess.run([program, "version"], capture_output=True, text=True, env=_environment(program, folder / "root"), check=False)
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

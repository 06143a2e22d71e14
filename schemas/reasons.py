"""The closed list of reasons for which a row is rejected. The value of each member is what stands in the tables."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason code of a rejected row; `DESCRIPTIONS` says what each means and what to do."""

    AUDIO_MISSING = "audio_missing"
    AUDIO_UNREADABLE = "audio_unreadable"
    AUDIO_EMPTY = "audio_empty"
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_TOO_LONG = "audio_too_long"
    AUDIO_NOT_FINITE = "audio_not_finite"
    AUDIO_OVER_SCALE = "audio_over_scale"
    AUDIO_SILENT = "audio_silent"
    AUDIO_CHANGED = "audio_changed"
    STORAGE_FAILED = "storage_failed"
    TEXT_MISSING = "text_missing"
    TEXT_EMPTY = "text_empty"
    TEXT_UNREADABLE = "text_unreadable"
    TEXT_SCRIPT = "text_script"
    DUPLICATE_ID = "duplicate_id"
    NAME_UNPARSED = "name_unparsed"
    PATH_OUTSIDE_ROOT = "path_outside_root"
    OUT_OF_VOCABULARY = "out_of_vocabulary"
    ALIGNMENT_MISSING = "alignment_missing"
    ALIGNMENT_UNREADABLE = "alignment_unreadable"
    ALIGNMENT_FAILED = "alignment_failed"
    ALIGNMENT_LOW_SCORE = "alignment_low_score"
    ALIGNMENT_MISMATCH = "alignment_mismatch"
    ALIGNMENT_NO_SPEECH = "alignment_no_speech"
    ZERO_FRAME_PHONE = "zero_frame_phone"
    QUALITY_ALIGNMENT_SCORE = "quality_alignment_score"
    QUALITY_PHONE_RATE = "quality_phone_rate"
    QUALITY_DURATIONS = "quality_durations"
    QUALITY_CLIPPING = "quality_clipping"
    QUALITY_SNR = "quality_snr"
    QUALITY_VOICED_SHARE = "quality_voiced_share"
    QUALITY_CUT = "quality_cut"
    QUALITY_SILENCE = "quality_silence"
    QUALITY_PAUSE = "quality_pause"
    CONTRACT_BROKEN = "contract_broken"
    SYNTHESIS_FAILED = "synthesis_failed"
    REQUEST_INVALID = "request_invalid"
    REQUEST_UNKNOWN_NAME = "request_unknown_name"
    PHONE_UNKNOWN = "phone_unknown"
    WORKER_CRASH = "worker_crash"
    INTERNAL_ERROR = "internal_error"


# What follows from recording, text, alignment and parameters alone: a row so rejected is not tried again until one of them changes.
# The others may come from a file that is away for now, from a disk, a crash, or the rest of the corpus.
LASTING = frozenset({
    Reason.AUDIO_EMPTY, Reason.AUDIO_TOO_SHORT, Reason.AUDIO_NOT_FINITE, Reason.TEXT_EMPTY, Reason.TEXT_SCRIPT, Reason.OUT_OF_VOCABULARY,
    Reason.ALIGNMENT_FAILED, Reason.ALIGNMENT_LOW_SCORE, Reason.ALIGNMENT_MISMATCH, Reason.ALIGNMENT_NO_SPEECH, Reason.ZERO_FRAME_PHONE,
    Reason.CONTRACT_BROKEN,
})  # fmt: skip

DESCRIPTIONS: dict[Reason, str] = {
    Reason.AUDIO_MISSING: "The metadata names an audio file that is not there. Restore the file or remove the line.",
    Reason.AUDIO_UNREADABLE: "libsndfile cannot decode the file (cut, damaged, unknown format, no permission). Convert or re-copy it.",
    Reason.AUDIO_EMPTY: "The file holds no samples. Record it again or remove it.",
    Reason.AUDIO_TOO_SHORT: "Shorter than `ingest.min_duration_s`. Lower the limit if such clips are wanted.",
    Reason.AUDIO_TOO_LONG: "Longer than `ingest.max_duration_s`. Cut it into utterances or raise the limit.",
    Reason.AUDIO_NOT_FINITE: "Samples are NaN or infinite. Convert the file again from its source.",
    Reason.AUDIO_OVER_SCALE: "The loudest sample is 20 dB above full scale: a float file that holds 16-bit numbers. Divide them by 32768.",
    Reason.AUDIO_SILENT: "As one channel without offset, the loudest is below `ingest.min_peak_db`. Check the recording.",
    Reason.AUDIO_CHANGED: "The file's bytes differ from those that ingest hashed. Run `dvc repro` from ingest.",
    Reason.STORAGE_FAILED: "The object storage withholds this one object: no permission, broken off, too large. See `detail`, then rerun.",
    Reason.TEXT_MISSING: "No transcript for this audio file, or it is named twice with different texts. Add one line for it.",
    Reason.TEXT_EMPTY: "The transcript holds no letters or digits. Write what is said.",
    Reason.TEXT_UNREADABLE: "The transcript is not UTF-8, holds control characters, or is above 64 KiB. Convert it with `iconv`.",
    Reason.TEXT_SCRIPT: "The transcript has letters of a script that the language is not written in. Check the corpus's `language`.",
    Reason.DUPLICATE_ID: "Two files give the same utterance id; the first in path order was kept. Rename one.",
    Reason.NAME_UNPARSED: "The file name does not follow the corpus's code, so speaker or emotion is unknown. Rename or remove it.",
    Reason.PATH_OUTSIDE_ROOT: "The path leaves the corpus root (`..`, absolute, or a link). Copy the file into the corpus.",
    Reason.OUT_OF_VOCABULARY: "A word has no pronunciation. Add it to the dictionary, or allow G2P with `align.pocketsphinx.oov: g2p`.",
    Reason.ALIGNMENT_MISSING: "The aligner gave nothing for this utterance, or no TextGrid was found for it. Add it.",
    Reason.ALIGNMENT_UNREADABLE: "The TextGrid cannot be parsed, or lacks the named tier of phones. Check `align.textgrid`.",
    Reason.ALIGNMENT_FAILED: "The aligner found no path through the audio; most often text and audio differ. Mend the text.",
    Reason.ALIGNMENT_LOW_SCORE: "The score or fit is below the limits of `align.pocketsphinx`; text and audio may differ. Mend the text.",
    Reason.ALIGNMENT_MISMATCH: "The alignment is longer or shorter than the audio, or intervals overlap or run backwards. Align again.",
    Reason.ALIGNMENT_NO_SPEECH: "The alignment holds silence alone, or the recording does. Align again, or remove it.",
    Reason.ZERO_FRAME_PHONE: "A phone is too short for one frame and no neighbour can lend one. See `duration.zero_frame_phones`.",
    Reason.QUALITY_ALIGNMENT_SCORE: "The aligner's score is below `quality.min_alignment_score`; most often text and audio differ.",
    Reason.QUALITY_PHONE_RATE: "Too few or too many phones a second of speech; text and audio may differ. See `quality.min_phone_rate_hz`.",
    Reason.QUALITY_DURATIONS: "Too many phones have a length that is unusual for them in this corpus; the alignment is likely wrong.",
    Reason.QUALITY_CLIPPING: "Too many samples stand on flat tops: the recording is clipped. See `quality.max_clipping_share`.",
    Reason.QUALITY_SNR: "Speech is too little above the noise. Clean the recording, or lower `quality.min_snr_db`.",
    Reason.QUALITY_VOICED_SHARE: "Too little of the speech is voiced: noise, whisper, wrong alignment. See `quality.min_voiced_share`.",
    Reason.QUALITY_CUT: "The recording begins or ends at the level of speech, so a word is likely cut. See `quality.max_edge_level_db`.",
    Reason.QUALITY_SILENCE: "Too long a silence before or after the speech. Trim it, or see `quality.max_leading_silence_s`.",
    Reason.QUALITY_PAUSE: "Too long a pause inside the speech; text may be missing. Cut there, or raise `quality.max_longest_pause_s`.",
    Reason.CONTRACT_BROKEN: "The computed row breaks its schema; `detail` names the check. Please report it with the file.",
    Reason.SYNTHESIS_FAILED: "The model or vocoder gave non-finite or empty output for this row. Look at the training's losses.",
    Reason.REQUEST_INVALID: "The row of the request table breaks its schema; `detail` says what to give. See docs/synthesis.md.",
    Reason.REQUEST_UNKNOWN_NAME: "No such speaker, emotion or utterance; `detail` has those that exist and the nearest. Use one of them.",
    Reason.PHONE_UNKNOWN: "The model was not trained on this phone; `detail` names the nearest. Give `phones` of its own set.",
    Reason.WORKER_CRASH: "Alone in a process, it crashed it three times or ran out of memory. Encode the file anew, or give more memory.",
    Reason.INTERNAL_ERROR: "An unexpected exception; `detail` holds its type and message. Please report it with the file.",
}

"""Labels of emotion, as corpora write them, to the canonical names of the utterances table: the one mapping for all corpora."""

from schemas.tables.utterances import EMOTIONS

SAME_AS = {
    "neutral": ("normal", "neutrality"),
    "happy": ("happiness", "joy", "joyful", "hap", "freude"),
    "sad": ("sadness", "sorrow", "trauer"),
    "angry": ("anger", "ang", "wut"),
    "fearful": ("fear", "afraid", "scared", "angst"),
    "disgusted": ("disgust", "ekel"),
    "surprised": ("surprise", "surprize", "pleasant surprise"),
    "bored": ("boredom", "langeweile"),
    "contemptuous": ("contempt",),
    "excited": ("excitement",),
    "amused": ("amusement",),
    "sleepy": ("sleepiness",),
    "anxious": ("anxiety",),
}  # fmt: skip

_CANONICAL = {name: name for name in EMOTIONS} | {alias: name for name, aliases in SAME_AS.items() for alias in aliases}


def canonical_emotion(label: str) -> str:
    """One of `EMOTIONS` for a label in any case; "unknown" for one that is not known, which the table keeps as `emotion_label`."""
    return _CANONICAL.get(label.strip().casefold(), "unknown")

"""Labels of emotion, as corpora write them, to the canonical names of the utterances table."""

from schemas.tables.utterances import EMOTIONS

_SAME_AS = {
    "neutral": ("normal", "neutrality"),
    "happy": ("happiness", "joy", "joyful", "hap"),
    "sad": ("sadness", "sorrow"),
    "angry": ("anger", "ang"),
    "fearful": ("fear", "afraid", "scared"),
    "disgusted": ("disgust",),
    "surprised": ("surprise", "surprize"),
    "bored": ("boredom",),
    "contemptuous": ("contempt",),
    "excited": ("excitement",),
    "amused": ("amusement",),
    "sleepy": ("sleepiness",),
    "anxious": ("anxiety",),
}  # fmt: skip

_CANONICAL = {name: name for name in EMOTIONS} | {alias: name for name, aliases in _SAME_AS.items() for alias in aliases}


def canonical_emotion(label: str) -> str:
    """One of `EMOTIONS` for an English label in any case; "unknown" for all others, which the table keeps as `emotion_label`."""
    return _CANONICAL.get(label.strip().casefold(), "unknown")

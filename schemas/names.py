"""Names that do not exist, told with the nearest that does."""

from collections.abc import Sequence
from difflib import get_close_matches

_SHOWN = 20


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """``no speaker 'ana'; did you mean 'anna'? there are: anna, bert``, for a message that goes on with the next action."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"did you mean '{near[0]}'? " if near else ""
    shown = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    return f"no {what} '{name}'; {meant}there are: {shown or 'none'}"

"""The page as one HTML file: template, style, scripts, Vega-Lite and data put together. No network, no clock: equal input, equal bytes."""

import html
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import vl_convert

from workflows.page_clips import Json

PARTS = Path(__file__).parent / "report_page"
SCRIPTS = ("dom", "charts", "table", "clip", "overview", "data", "listen", "compare", "main")
VEGA_LITE = "6.4"


def assemble(document: Json, clips: Sequence[Json]) -> str:
    """The whole page.

    Parameters
    ----------
    document
        What the page shows, see `workflows.report`.
    clips
        What it plays and draws; each stands in an element of its own and is parsed only when it is asked for.
    """
    holders = "\n".join(f'<script type="application/json" id="clip-{number}">{as_json(clip)}</script>' for number, clip in enumerate(clips))
    parts = {
        "title": html.escape(title(document)),
        "style": _part("page.css"),
        "document": as_json(document),
        "clips": holders,
        "vega": _vega(),
        "scripts": "\n".join(_part(f"{name}.js") for name in SCRIPTS),
    }
    return re.sub(r"{{(\w+)}}", lambda mark: parts[mark[1]], _part("page.html"))  # in one pass: a corpus's text may hold a mark


def title(document: Json) -> str:
    """What the browser's tab says."""
    corpora = sorted({row["speaker"].partition("/")[0] for row in document["minutes"]})
    return f"Espressivo: {', '.join(corpora)}"


def as_json(value: object) -> str:
    """JSON that may stand inside a ``script`` element whatever its texts hold: no ``<`` can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as vl-convert-python carries them (BSD-3-Clause)."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)).replace("</script", "<\\/script")


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")

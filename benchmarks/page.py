"""How large and how quick is the report's page? ``python -m benchmarks.page --utterances 5000``.

A made-up project of so many utterances becomes a page, which headless Chromium opens as a phone-sized and a desktop-sized window.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.browser import page
from tests.workflows.made_up_project import page_params, write_project
from workflows.report import run

# From the press of a key to the table laid out anew.
TIMED = """
const listen = document.getElementById("listen"), milliseconds = {};
const timed = (name, act) => {
  const start = performance.now();
  act();
  listen.offsetHeight;
  milliseconds[name] = performance.now() - start;
};
const choose = (label, value) => timed(label, () => {
  const field = [...listen.querySelectorAll("label.field")].find(field => field.firstChild.textContent === label);
  const select = field.querySelector("select");
  select.value = value;
  select.dispatchEvent(new Event("change"));
});
const type = text => timed(`search "${text}"`, () => {
  const search = listen.querySelector("input[type=search]");
  search.value = text;
  search.dispatchEvent(new Event("input"));
});
const button = head => [...listen.querySelectorAll("button.sort")].find(one => one.textContent.startsWith(head));
const sort = head => timed(`sort by ${head}`, () => button(head).click());
timed("open Listen", () => document.getElementById("tab-listen").click());
choose("Sound", "");
type("p"); type("party"); type("");
choose("Emotion", "angry"); choose("Emotion", "");
sort("utterance"); sort("length");
timed("next page", () => [...listen.querySelectorAll(".pager button")].at(-1).click());
return milliseconds;
"""
LOADED = "return document.documentElement.dataset.ready === 'true' && performance.now()"


def main(
    utterances: Annotated[int, typer.Option(help="Utterances of the made-up corpus.")] = 5000,
    examples: Annotated[int, typer.Option(help="Utterances with sound.")] = 40,
    turns: Annotated[int, typer.Option(help="How often the page is opened; the median is told.")] = 3,
) -> None:
    """Make the page, open it, and time what a person does."""
    with tempfile.TemporaryDirectory() as folder:
        project = write_project(Path(folder), utterances)
        started = time.process_time()
        run(page_params(examples=examples), project, Path(folder) / "reports")
        path = Path(folder) / "reports/index.html"
        spent = time.process_time() - started
        print(f"{utterances} utterances, {examples} with sound: {path.stat().st_size / 1e6:.2f} MB, {spent:.1f} CPU-s to make")
        for width, height in ((1280, 900), (390, 844)):
            times = [_opened(path, width, height) for _ in range(turns)]
            medians = {name: sorted(one[name] for one in times)[turns // 2] for name in times[0]}
            print(f"{width} x {height}: " + ", ".join(f"{name} {value:.0f} ms" for name, value in medians.items()))


def _opened(path: Path, width: int, height: int) -> dict[str, Any]:
    with page(path, width, height) as chrome:
        while not (loaded := chrome.execute_script(LOADED)):
            time.sleep(0.01)
        return {"load and draw the overview": loaded, **chrome.execute_script(TIMED)}


if __name__ == "__main__":
    typer.run(main)

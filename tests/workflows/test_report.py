"""The page in a real browser: what it shows, plays, filters and withstands; and that its bytes follow from its inputs."""

import dataclasses
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.browser import page
from tests.workflows.made_up_project import GRID_EMOTIONS, TEXTS, page_params, write_project
from workflows.report import Folders, choose_examples, run, versions

pytestmark = pytest.mark.xdist_group("page")

TABS = ("overview", "data", "listen", "compare")
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
PLAY = """
const done = arguments[arguments.length - 1];
const play = player => player.play().then(() => { player.pause(); return player.duration; }, error => String(error));
const players = [...document.querySelectorAll("audio")].filter(player => player.offsetParent);
const all = async () => {
  const heard = [];
  for (const player of players) heard.push(await play(player));
  return heard;
};
all().then(done);
"""
DRAWN = """
const canvas = document.querySelector(arguments[0]);
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, Math.floor(canvas.height / 2)).data;
return new Set(new Uint32Array(pixels.buffer)).size;
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def path(project: Folders) -> Path:
    run(page_params(examples=12, outliers=3), project, project.project / "reports")
    return project.project / "reports/index.html"


@pytest.fixture(scope="module")
def browser(path: Path) -> Iterator[Chrome]:
    with page(path) as chrome:
        yield chrome


@pytest.fixture
def opened(browser: Chrome, path: Path) -> Chrome:
    """The page as it first opens, whatever a test before did to it."""
    return load(browser, path)


def load(chrome: Chrome, path: Path) -> Chrome:
    chrome.get("about:blank")
    chrome.get(path.as_uri())
    return wait_until(chrome, "return document.documentElement.dataset.ready === 'true'")


def wait_until(chrome: Chrome, script: str, *arguments: Any) -> Chrome:
    deadline = time.monotonic() + 60
    while not chrome.execute_script(script, *arguments):
        assert time.monotonic() < deadline, script
        time.sleep(0.05)
    return chrome


def open_tab(chrome: Chrome, name: str) -> None:
    chrome.find_element(By.ID, f"tab-{name}").click()
    charts = (
        "return [...document.getElementById(arguments[0]).querySelectorAll('.chart')].every(c => !c.clientWidth || c.querySelector('svg'))"
    )
    wait_until(chrome, charts, name)


def status(chrome: Chrome, name: str) -> str:
    return chrome.find_element(By.CSS_SELECTOR, f"#{name} .status").text


def complaints(chrome: Chrome) -> list[dict[str, Any]]:
    return [entry for entry in chrome.get_log("browser") if "favicon" not in entry["message"]]


def violations(chrome: Chrome) -> list[str]:
    import selenium_axe_python

    script = Path(selenium_axe_python.__file__).parent / "axe-core/axe.min.js"
    chrome.execute_script(script.read_text(encoding="utf-8"))
    found = chrome.execute_async_script(
        "const done = arguments[1]; axe.run(document, arguments[0]).then(done, e => done(String(e)))", AXE_RULES
    )
    assert isinstance(found, dict), found
    return [f"{rule['id']}: {node['html'][:200]} {node['any'][:1]}" for rule in found["violations"] for node in rule["nodes"][:3]]


def rows(n_per_group: int) -> list[dict[str, str]]:
    groups = [(speaker, emotion) for speaker in ("a", "b") for emotion in ("happy", "sad")]
    return [{"utterance_id": f"{s}/{e}/{n}", "speaker": s, "emotion": e} for s, e in groups for n in range(n_per_group)]


def test_examples_take_every_speaker_and_emotion_before_a_second_of_any():
    assert len({name.rpartition("/")[0] for name in choose_examples(rows(5), 4)}) == 4


def test_examples_are_as_many_as_asked_or_as_there_are():
    assert len(choose_examples(rows(5), 7)) == 7
    assert len(choose_examples(rows(1), 7)) == 4
    assert choose_examples([], 3) == []


def test_versions_name_dataset_commit_and_local_changes():
    lineage = {"dataset": {"demo": "md5:1234.dir"}, "git": {"commit": "abc", "dirty": True}, "libraries": {"torch": "2.13"}}
    assert versions(lineage) == {"dataset demo": "md5:1234.dir", "git commit": "abc with local changes", "libraries": "torch 2.13"}


def test_equal_inputs_give_equal_bytes(project, path, tmp_path):
    run(page_params(examples=12, outliers=3), project, tmp_path)
    assert (tmp_path / "index.html").read_bytes() == path.read_bytes()


def test_texts_of_a_corpus_end_no_script_and_fill_no_mark(path):
    html = path.read_text(encoding="utf-8")
    document = re.search(r'<script type="application/json" id="document">(.*?)</script>', html, re.DOTALL)
    assert document
    texts = {text.rpartition(" ")[0] for text in json.loads(document[1])["utterances"]["text"]}
    assert texts == set(TEXTS)
    assert html.count("<script") - html.count('<script type="application/json"') == 2


@pytest.mark.parametrize("tab", TABS)
def test_hostile_texts_are_shown_as_they_are_and_do_nothing(opened, tab):
    open_tab(opened, tab)
    assert opened.title == "Espressivo: toy"
    assert opened.execute_script("return document.querySelectorAll('main img, main b:not(.legend b), main script').length") == 0
    assert tab in ("overview", "data") or "</script><script>document.title" in opened.find_element(By.ID, tab).text


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_opens_without_a_word_on_the_console_or_a_request(opened, tab):
    complaints(opened)
    open_tab(opened, tab)
    assert complaints(opened) == []
    assert (
        opened.execute_script("return performance.getEntriesByType('resource').map(e => e.name).filter(n => !/^(data|blob):/.test(n))")
        == []
    )


def test_the_network_is_closed_to_the_page(opened):
    refused = "const done = arguments[0]; fetch('https://example.org').then(() => done('let through'), () => done('refused'))"
    assert opened.execute_async_script(refused) == "refused"
    assert any("Content Security Policy" in entry["message"] for entry in complaints(opened))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_against_the_guidelines(path, theme, width):
    with page(path, width, 844) as chrome:
        load(chrome, path)
        if chrome.execute_script("return document.documentElement.dataset.theme") != theme:
            chrome.find_element(By.ID, "theme").click()
        found = {}
        for tab in TABS:
            open_tab(chrome, tab)
            if tab == "listen":
                chrome.find_element(By.CSS_SELECTOR, "#listen tr.row td").click()
            if tab == "compare":
                chrome.execute_script("document.querySelector('#compare .cells .play').click()")
            found[tab] = violations(chrome)
            assert chrome.execute_script("return document.documentElement.scrollWidth") <= width, tab
    assert found == {tab: [] for tab in TABS}


def test_words_and_choices_filter_the_utterances(opened):
    open_tab(opened, "listen")
    panel = opened.find_element(By.ID, "listen")
    search, (speaker, emotion, split, sound) = panel.find_element(By.CSS_SELECTOR, "input"), panel.find_elements(By.CSS_SELECTOR, "select")
    sound.send_keys("all")
    assert status(opened, "listen") == "1 to 30 of 60"
    emotion.send_keys("angry")
    speaker.send_keys("s2")
    split.send_keys("test")
    assert status(opened, "listen") == "1 to 5 of 5"
    search.send_keys("PARTY vega")
    shown = [line.text for line in panel.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert shown
    assert all("Party" in text for text in shown)
    search.send_keys(" nothing has this")
    assert status(opened, "listen") == "Nothing fits the filters"


def test_a_column_sorts_both_ways_and_says_so(opened):
    open_tab(opened, "listen")
    head = opened.find_element(By.XPATH, "//section[@id='listen']//th[button[starts-with(., 'length')]]")
    lengths = "return [...document.querySelectorAll('#listen tbody tr')].map(row => Number(row.cells[5].textContent))"
    place = opened.execute_script("return arguments[0].cellIndex", head)
    lengths = lengths.replace("[5]", f"[{place}]")
    head.find_element(By.TAG_NAME, "button").click()
    up = opened.execute_script(lengths)
    assert (head.get_attribute("aria-sort"), up) == ("ascending", sorted(up))
    head.find_element(By.TAG_NAME, "button").click()
    down = opened.execute_script(lengths)
    assert (head.get_attribute("aria-sort"), down) == ("descending", sorted(up, reverse=True))
    assert len(set(up)) > 3


def test_keys_walk_open_and_play(opened):
    open_tab(opened, "listen")
    first = opened.find_element(By.CSS_SELECTOR, "#listen tr.row[tabindex='0']")
    first.send_keys(Keys.ARROW_DOWN)
    second = opened.switch_to.active_element
    assert second.get_attribute("data-row") != first.get_attribute("data-row")
    second.send_keys(Keys.ENTER)
    assert second.get_attribute("aria-current") == "true"
    players = [player.get_attribute("data-kind") for player in opened.find_elements(By.CSS_SELECTOR, "#listen .side audio")]
    assert players == ["real", "copy", "model"]
    second.send_keys(Keys.SPACE)
    wait_until(opened, "return document.querySelector('#listen .play[data-kind=model][aria-pressed=true]') || window.heard")


def test_tabs_follow_the_arrow_keys_and_the_address(opened, path):
    opened.find_element(By.ID, "tab-overview").send_keys(Keys.ARROW_RIGHT)
    assert opened.switch_to.active_element.get_attribute("id") == "tab-data"
    assert opened.current_url.endswith("#data")
    opened.switch_to.active_element.send_keys(Keys.END)
    assert opened.find_element(By.ID, "compare").is_displayed()
    assert not opened.find_element(By.ID, "data").is_displayed()


@pytest.mark.parametrize("tab", ["overview", "listen", "compare"])
def test_players_play_and_mels_are_drawn(opened, tab):
    open_tab(opened, tab)
    if tab == "listen":
        opened.find_element(By.CSS_SELECTOR, "#listen tr.row td").click()
    if tab == "compare":
        opened.execute_script("document.querySelector('#compare .cells .play').click()")
    seconds = opened.execute_async_script(PLAY)
    assert len(seconds) == (1 if tab == "compare" else 3)
    assert all(isinstance(length, int | float) and length > 0.1 for length in seconds), seconds
    wait_until(opened, f"return (() => {{ {DRAWN} }})(...arguments) > 40".replace("arguments[0]", f"'#{tab} canvas'"))


def test_the_grid_has_every_emotion_and_the_ladder_every_step(opened):
    open_tab(opened, "compare")
    heads = [
        [head.text for head in table.find_elements(By.CSS_SELECTOR, "thead th")]
        for table in opened.find_elements(By.CSS_SELECTOR, "#compare .cells")
    ]
    assert heads[:2] == [["sentence", *GRID_EMOTIONS], ["sentence", "0", "0.5", "1", "2"]]
    mixes = [mix.text for mix in opened.find_elements(By.CSS_SELECTOR, "#compare .cells td .tag")]
    assert mixes == ["60 % angry, 40 % neutral", "neutral → angry"]
    asked = opened.execute_script(
        "document.querySelectorAll('#compare .cells .play')[1].click(); return document.querySelector('#compare .side').innerText"
    )
    assert "Asked for, and what came out" in asked


def test_rejects_are_counted_by_reason_and_searched(opened):
    open_tab(opened, "data")
    assert status_of_rejects(opened) == "1 to 15 of 15"
    opened.find_element(By.ID, "reject-search").send_keys("text missing party")
    assert status_of_rejects(opened) == "1 to 1 of 1"


def status_of_rejects(chrome: Chrome) -> str:
    return chrome.find_elements(By.CSS_SELECTOR, "#data .status")[-1].text


def test_the_switch_changes_colours_and_draws_charts_again(opened):
    colour = "return [getComputedStyle(document.body).backgroundColor, document.querySelector('.chart svg text').getAttribute('fill')]"
    before = opened.execute_script(colour)
    opened.find_element(By.ID, "theme").click()
    wait_until(opened, f"const [back, text] = (() => {{ {colour} }})(); return back !== arguments[0] && text !== arguments[1]", *before)
    opened.find_element(By.ID, "theme").click()


@pytest.mark.parametrize("n", [0, 60])
def test_before_training_and_without_rejects_the_page_says_what_to_run(tmp_path, n):
    folders = write_project(tmp_path, spoken=False, rejected=0)
    if n == 0:
        for stage in ("align", "extract"):
            shutil.rmtree(folders.data / stage)
    run(page_params(), folders, tmp_path / "reports")
    with page(tmp_path / "reports/index.html") as chrome:
        load(chrome, tmp_path / "reports/index.html")
        said = {}
        for tab in TABS:
            open_tab(chrome, tab)
            said[tab] = chrome.find_element(By.ID, tab).text
        assert complaints(chrome) == []
    assert "Nothing trained yet. Run dvc repro train." in said["overview"]
    assert "Nothing was rejected." in said["data"]
    assert ("No features yet. Run dvc repro extract." in said["data"]) == (n == 0)
    assert "Run dvc repro synthesize." in said["listen"]
    assert "Run dvc repro showcase" in said["compare"]


def test_a_recording_that_is_gone_leaves_its_row_without_sound(project, tmp_path):
    for name in ("data", "metrics", "plots"):
        (tmp_path / name).symlink_to(project.project / name)
    (tmp_path / "corpus").mkdir()
    run(page_params(examples=2, outliers=0), dataclasses.replace(project, project=tmp_path), tmp_path / "reports")
    html = (tmp_path / "reports/index.html").read_text(encoding="utf-8")
    assert '"sounds":{"model":' in html
    assert '"real":' not in html


def test_more_utterances_than_listed_keep_those_with_sound(project, tmp_path):
    run(page_params(examples=4, outliers=0, listed=10), project, tmp_path)
    document = re.search(r'id="document">(.*?)</script>', (tmp_path / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    assert document
    listed = json.loads(document[1])["utterances"]
    assert (len(listed["utterance_id"]), listed["hidden"], len([clip for clip in listed["clip"] if clip is not None])) == (10, 50, 4)


def test_a_request_table_is_heard_up_to_the_bound(project, tmp_path):
    shutil.copytree(project.project / "data", tmp_path / "data")
    shutil.rmtree(tmp_path / "data/synthesize")
    (tmp_path / "data/showcase").rename(tmp_path / "data/synthesize")
    for name in ("corpus", "metrics", "plots"):
        (tmp_path / name).symlink_to(project.project / name)
    folders = Folders(tmp_path, tmp_path / "data", tmp_path / "metrics", tmp_path / "plots")
    run(page_params(examples=3, outliers=0), folders, tmp_path / "reports")
    document = re.search(r'id="document">(.*?)</script>', (tmp_path / "reports/index.html").read_text(encoding="utf-8"), re.DOTALL)
    assert document
    shown = json.loads(document[1])
    assert (len(shown["showcase"]), shown["requests_unheard"]) == (3, 7)

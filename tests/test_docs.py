"""The documents tell the truth: links lead somewhere, and every code, stage, table and parameter is written down."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from pipeline.corpora import ADAPTERS
from pipeline.corpora.coded import CodedNames
from pipeline.corpora.emotions import SAME_AS, canonical_emotion
from schemas.params import AdapterName
from schemas.reasons import DESCRIPTIONS, Reason
from schemas.tables.utterances import EMOTIONS
from tests.conftest import PROJECT
from tests.faults import CASES

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").rglob("*.md"))]
DOCS_TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_to_files(path: Path):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_page_can_be_reached_from_the_sites_navigation():
    nav = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]
    pages = [path.relative_to(PROJECT / "docs").as_posix() for path in (PROJECT / "docs").rglob("*.md")]
    assert "corpora/folder.md" in pages
    assert [page for page in pages if page not in nav] == []


def test_every_reason_has_its_row_in_the_table_word_for_word():
    table = (PROJECT / "docs/reasons.md").read_text(encoding="utf-8")
    assert set(DESCRIPTIONS) == set(Reason)
    assert [reason for reason, text in DESCRIPTIONS.items() if f"| `{reason.value}` | {text} |" not in table] == []


def test_every_reason_names_its_stages_and_the_fault_that_gives_it():
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w, ]+) \| (?:`(\w+)`)? ?\|$", (PROJECT / "docs/reasons.md").read_text(encoding="utf-8"), re.M)
    assert [reason for reason, _, _ in rows] == [reason.value for reason in Reason]
    for reason, stages, example in rows:
        given = [case for case in CASES if case.fate is not None and reason in case.fate[1][:1]]
        assert example == (given[0].name if given else ""), reason
        assert {case.fate[0] for case in given} <= set(stages.split(", ")), reason
    without = [reason for reason, _, example in rows if not example and not reason.startswith("quality_")]
    requested = [
        "request_invalid",
        "request_unknown_name",
        "phone_unknown",
    ]  # of request tables: test_requests.py
    assert without == [
        "storage_failed",
        "contract_broken",
        "voice_unheard",
        "synthesis_failed",
        *requested,
        "worker_crash",
        "internal_error",
    ]


def test_every_reason_is_given_somewhere():
    code = "".join(
        path.read_text(encoding="utf-8")
        for package in ("pipeline", "workflows", "schemas/tables")
        for path in (PROJECT / package).rglob("*.py")
    )
    assert [reason for reason in Reason if f"Reason.{reason.name}" not in code] == []


def made_by(path: str, stages: dict[str, dict[str, Any]]) -> str | None:
    """The stage whose output a dependency of dvc.yaml is, or lies in; None for code."""
    if path == "${item.root}":
        return "the corpus"
    for name, stage in stages.items():
        outs = [next(iter(out)) if isinstance(out, dict) else out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
        folders = [out.removesuffix("/${key}").removesuffix("/${key}.json") for out in outs]
        if any(path == folder or path.startswith(f"{folder}/") for folder in folders):
            return name
    return f"`{path}/`" if path == "requests" else None


def test_architecture_tells_what_each_stage_reads_as_dvc_has_it():
    text = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    told = {stage: set(reads.split(", ")) for stage, reads in re.findall(r"^\| (\w+) \| ([^|]+) \| `[\w/<>]+` \|", text, re.M)}
    whole = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    stages = {name: stage.get("do", stage) for name, stage in whole.items()}
    assert told == {name: {made_by(path, stages) for path in stage["deps"]} - {None} for name, stage in stages.items()}


def test_every_module_is_in_the_architecture():
    text = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    names = [path.stem for package in ("pipeline", "workflows") for path in (PROJECT / package).glob("*.py") if path.stem != "__init__"]
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"`(\w+\.)*{name}`", text)] == []


def test_commands_named_in_the_readme_exist_in_the_makefile():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", (PROJECT / "README.md").read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named
    assert [name for name in named if f"\n{name}:" not in makefile] == []


def test_modules_run_in_documents_exist():
    modules = set(re.findall(r"python -m ((?:pipeline|workflows|benchmarks)[\w.]*)", DOCS_TEXT))
    assert modules
    assert [name for name in modules if not (PROJECT / f"{name.replace('.', '/')}.py").is_file()] == []


CORPORA = PROJECT / "docs/corpora"
FACTS = ("home page", "licence", "language", "speakers", "size", "splits")


def test_each_adapter_has_a_page_and_a_row_in_the_index_and_each_page_an_adapter():
    assert {path.stem for path in CORPORA.glob("*.md")} == {*ADAPTERS, "README"} == {*get_args(AdapterName), "README"}
    index = (CORPORA / "README.md").read_text(encoding="utf-8")
    assert [name for name in ADAPTERS if f"| [{name}]({name}.md) |" not in index] == []


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_page_of_a_corpus_gives_the_facts_and_its_codes(name: AdapterName):
    page = (CORPORA / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}: ")
    assert [fact for fact in FACTS if not re.search(rf"^\| {fact} \| .+ \|$", page, re.MULTILINE)] == []
    adapter = ADAPTERS[name]
    codes = adapter.emotions if isinstance(adapter, CodedNames) else {}
    rows = [f"| {code} | {label} | {canonical_emotion(label)} |" for code, label in codes.items()]
    assert [row for row in rows if row not in page] == []
    assert ("official" in re.findall(r"^\| splits \| (\w+)", page, re.MULTILINE)) == (name in ("esd", "libritts", "huggingface"))


def test_vocabulary_of_emotions_is_in_the_index():
    index = (CORPORA / "README.md").read_text(encoding="utf-8")
    rows = [f"| {name} | {', '.join((name, *SAME_AS.get(name, ())))} |" for name in EMOTIONS if name != "unknown"]
    assert [row for row in rows if row not in index] == []

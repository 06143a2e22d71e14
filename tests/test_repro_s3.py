"""DVC with object storage: a corpus root and a remote on a real S3 server, in real processes."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT
from tests.project import Project, clone_into
from tests.s3 import Store, serving
from workflows import demo_corpus

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("s3")]

STAGES = ("ingest@demo", "align@demo", "extract@demo")


@dataclass(frozen=True)
class OnS3:
    """A clone whose corpus lies in a bucket, after its data stages ran."""

    project: Project
    store: Store
    url: str
    corpus: Path


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnS3]:
    corpus = tmp_path_factory.mktemp("corpus")
    demo_corpus.make(corpus, sentences_per_emotion=2)
    with serving(tmp_path_factory.mktemp("aws")) as store:
        url = store.upload(corpus, "corpora/demo")
        demo = yaml.safe_load((PROJECT / "params.yaml").read_text())["corpora"]["demo"]
        project = clone_into(tmp_path_factory.mktemp("clone"), {"corpora": {"demo": demo | {"root": url, "aligner": "textgrid"}}})
        project.commit("clone")
        project.run("dvc", "repro", *STAGES)
        yield OnS3(project, store, url, corpus)


def test_nothing_is_done_again_while_the_objects_are_the_same(on_s3: OnS3) -> None:
    assert "Running stage" not in on_s3.project.run("dvc", "repro", *STAGES)


def test_one_changed_object_runs_the_stages_again(on_s3: OnS3) -> None:
    first = sorted(path for path in on_s3.corpus.rglob("*.txt") if path.parent.name == path.stem)[0]
    on_s3.store.put(f"{on_s3.url}/{first.relative_to(on_s3.corpus).as_posix()}", first.read_bytes() + b"\n")
    output = on_s3.project.run("dvc", "repro", *STAGES)
    assert "Running stage 'ingest@demo'" in output


def test_data_go_to_a_remote_on_s3_and_come_back(on_s3: OnS3) -> None:
    project = on_s3.project
    project.run("dvc", "remote", "add", "--local", "-f", "-d", "store", f"s3://{on_s3.store.bucket()}/dvc")
    project.run("dvc", "push", *STAGES)
    shards = project.folder / "data/extract/demo"
    before = {path.name: path.read_bytes() for path in sorted(shards.iterdir())}
    assert before
    shutil.rmtree(project.folder / "data")
    shutil.rmtree(project.folder / ".dvc/cache")
    project.run("dvc", "pull", *STAGES)
    assert {path.name: path.read_bytes() for path in sorted(shards.iterdir())} == before
    assert "Running stage" not in project.run("dvc", "repro", *STAGES)

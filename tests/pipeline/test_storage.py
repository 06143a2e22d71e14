"""Corpora in a bucket of a real S3 server on loopback: the same rows as from a folder, and what faults of the storage do."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import storage
from pipeline.corpora import ADAPTERS
from pipeline.corpora.listing import list_corpus
from pipeline.corpora.tree import scan
from pipeline.storage import Bucket, local_copy, opened
from schemas.errors import CorpusError, DependencyError, ParamsError, RowError, StorageError
from schemas.params import AdapterName
from schemas.reasons import Reason
from tests.pipeline.corpora_trees import TREES
from tests.pipeline.test_corpora_laws import NAMES, build, corpus_params
from tests.s3 import Store, serving

pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with serving(tmp_path_factory.mktemp("aws")) as store:
        yield store


def paths(bucket: Bucket) -> list[str]:
    return [path for path, _ in bucket.objects()]


def fetched(root: Bucket, path: str, again: bool = False) -> bytes | None:
    with local_copy(root, path, again) as file:
        return file.read_bytes() if file.exists() else None


def reason_of(error: pytest.ExceptionInfo[RowError]) -> Reason:
    return error.value.reason


# --- what a root is ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_used_as_it_is(tmp_path: Path) -> None:
    with opened("corpus", tmp_path, tmp_path / "out") as root, local_copy(root, "a/b.wav", again=True) as file:
        assert (root, file) == (tmp_path / "corpus", tmp_path / "corpus/a/b.wav")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("url", ["gs://bucket/corpus", "s3://", "s3:///corpus", "https://host/corpus"])
def test_other_urls_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ParamsError, match="a folder or s3://bucket/prefix"), opened(url, tmp_path, tmp_path):
        pass


@pytest.mark.parametrize("url", ["s3://bucket/a/../b", "s3://bucket//a", "s3://bucket/./a"])
def test_prefixes_that_are_no_plain_path_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ParamsError, match="empty part"), opened(url, tmp_path, tmp_path):
        pass


def test_a_missing_package_ends_the_stage_with_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DependencyError, match='pip install "s3fs'), opened("s3://bucket/corpus", tmp_path, tmp_path):
        pass


def test_a_bucket_that_is_not_there_ends_the_stage_at_its_start(store: Store, tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"s3://nowhere/corpus cannot be listed: .*bucket.*; look at"),
        opened("s3://nowhere/corpus", tmp_path, tmp_path),
    ):
        pass


@pytest.mark.slow
def test_a_server_that_does_not_answer_ends_the_stage_at_its_start(store: Store, tmp_path: Path) -> None:
    url = store.upload(tmp_path)
    store.proxy.away = True
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL"), opened(url, tmp_path, tmp_path):
        pass


def test_credentials_that_may_not_list_end_the_stage_at_its_start(store: Store, tmp_path: Path) -> None:
    url = store.upload(tmp_path)
    store.proxy.fault = lambda key: "forbid" if not key else None
    with pytest.raises(StorageError, match=r"Access Denied; look at AWS_PROFILE"), opened(url, tmp_path, tmp_path):
        pass


# --- listing and metadata ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_adapter_lists_a_bucket_as_it_lists_a_folder(store: Store, tmp_path: Path, name: AdapterName) -> None:
    tree, params, adapter = TREES[name], corpus_params(name, TREES[name].language), ADAPTERS[name]
    local = list_corpus("c", params, build(tmp_path, tree), adapter)
    remote = list_corpus("c", params, Bucket(store.upload(tmp_path, "some/prefix")), adapter)
    assert remote.candidates == local.candidates
    assert [(key, str(error), error.value) for key, error in remote.faults.items()] == [
        (k, str(e), e.value) for k, e in local.faults.items()
    ]
    assert (remote.n_audio_files, remote.n_ignored) == (local.n_audio_files, local.n_ignored)


def test_a_prefix_is_a_folder_and_not_the_start_of_a_name(store: Store) -> None:
    bucket = store.bucket()
    for key in ("corpus/a.wav", "corpus/deep/b.wav", "corpus/deep/", "corpus2/c.wav", "d.wav"):
        store.put(f"s3://{bucket}/{key}", b"")
    assert paths(Bucket(f"s3://{bucket}/corpus")) == ["a.wav", "deep/b.wav"]
    assert paths(Bucket(f"s3://{bucket}/corpus").below("deep")) == ["b.wav"]
    assert len(paths(Bucket(f"s3://{bucket}"))) == 4


def test_an_empty_prefix_ends_the_stage_with_what_to_set(store: Store) -> None:
    with pytest.raises(CorpusError, match=r"nothing is under .*; set `corpora\.c\.root`"):
        scan("c", Bucket(f"s3://{store.bucket()}/corpus"), lambda _: False)


@pytest.mark.slow
def test_a_listing_takes_one_request_for_a_thousand_objects(store: Store) -> None:
    bucket = store.bucket()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: store.client.put_object(Bucket=bucket, Key=f"{number:05d}.wav"), range(1001)))
    store.proxy.reset()
    assert paths(Bucket(f"s3://{bucket}")) == [f"{number:05d}.wav" for number in range(1001)]
    assert store.proxy.got == {"": 2}


def test_keys_that_leave_the_root_or_are_no_paths_are_faults(store: Store) -> None:
    bucket = store.bucket()
    for key in ("corpus/a.wav", "corpus/../b.wav", "corpus//c.wav", "corpus/x/./d.wav", "corpus/line\nfeed.wav"):
        store.put(f"s3://{bucket}/{key}", b"")
    tree = scan("c", Bucket(f"s3://{bucket}/corpus"), lambda _: False)
    assert tree.audio == ("a.wav",)
    faults = {path: error.reason for path, error in tree.faults}
    assert faults.pop("../b.wav") == Reason.PATH_OUTSIDE_ROOT
    assert set(faults) == {"/c.wav", "x/./d.wav", "line\nfeed.wav"}
    assert set(faults.values()) == {Reason.NAME_UNPARSED}


def test_texts_are_read_ahead_and_each_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "READ_AHEAD", 16)
    for number in range(50):
        (tmp_path / f"{number:03d}.txt").write_text(f"text {number}")
    (tmp_path / "big.txt").write_bytes(b"x" * 100_000)
    (tmp_path / "glob[*]?.txt").write_bytes(b"")
    tree = scan("c", Bucket(store.upload(tmp_path)), lambda _: False)
    store.proxy.reset()
    assert [tree.read(f"{number:03d}.txt", 1 << 16) for number in range(50)] == [f"text {number}".encode() for number in range(50)]
    assert tree.read("big.txt", 1 << 20) == b"x" * 100_000
    assert tree.read("glob[*]?.txt", 1 << 16) == b""
    assert max(store.proxy.got.values()) == 1
    with pytest.raises(RowError, match=r"none\.txt is not there") as missing:
        tree.read("none.txt", 1 << 16)
    with pytest.raises(RowError, match="not a file of at most 65536 bytes") as large:
        tree.read("big.txt", 1 << 16)
    with pytest.raises(RowError, match="leaves the corpus root"):
        tree.read("../000.txt", 1 << 16)
    assert [reason_of(missing), reason_of(large)] == [Reason.TEXT_MISSING, Reason.TEXT_UNREADABLE]


def test_one_text_that_is_refused_is_one_fault(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(b"audio")
        (tmp_path / f"{name}.txt").write_text("Hello.")
    root = Bucket(store.upload(tmp_path))
    store.proxy.fault = lambda key: "forbid" if key == "b.txt" else None
    listing = list_corpus("c", corpus_params("folder", "en-us"), root, ADAPTERS["folder"])
    assert list(listing.candidates) == ["c/speaker/a"]
    assert {key: error.reason for key, error in listing.faults.items()} == {"c/speaker/b": Reason.STORAGE_FAILED}


def test_metadata_that_a_corpus_can_do_without_is_not_done_without_when_refused(store: Store, tmp_path: Path) -> None:
    root = Bucket(store.upload(build(tmp_path, TREES["esd"])))
    store.proxy.fault = lambda key: "forbid" if key.endswith(".txt") else None
    with pytest.raises(CorpusError, match=r"corpus 'c': 0011/0011\.txt: .*Access Denied"):
        list_corpus("c", corpus_params("esd", "en-us"), root, ADAPTERS["esd"])


# --- copies -----------------------------------------------------------------------------------------------------------------


def test_a_copy_has_the_name_and_bytes_of_its_object_and_is_gone_after(store: Store, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/ü b?.wav").write_bytes(b"sound")
    with local_copy(Bucket(store.upload(tmp_path)), "deep/ü b?.wav", again=False) as file:
        assert (file.name, file.read_bytes()) == ("ü b?.wav", b"sound")
    assert not file.parent.exists()


def test_a_copy_that_is_needed_again_is_fetched_once_and_gone_when_the_stage_ends(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    with opened(store.upload(tmp_path), tmp_path, tmp_path / "out") as root:
        assert [fetched(root, "a.wav", again) for again in (True, True, False)] == [b"sound"] * 3
        assert store.proxy.got["a.wav"] == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_object_gives_a_copy_that_is_not_there(store: Store, tmp_path: Path) -> None:
    assert fetched(Bucket(store.upload(tmp_path)), "a.wav") is None


@pytest.mark.parametrize("fault", ["forbid", "cut", *(pytest.param(name, marks=pytest.mark.slow) for name in ("busy", "refuse"))])
def test_an_object_that_alone_fails_is_a_reject(store: Store, tmp_path: Path, fault: str) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"sound" * 1000)
    root = Bucket(store.upload(tmp_path))
    store.proxy.fault = lambda key: fault if key == "a.wav" else None
    with pytest.raises(RowError, match=r"a\.wav: .*`dvc repro -f -s`") as error:
        fetched(root, "a.wav")
    assert reason_of(error) == Reason.STORAGE_FAILED
    assert fetched(root, "b.wav") == b"sound" * 1000


@pytest.mark.parametrize("fault", ["cut", "busy", "refuse"])
def test_what_fails_once_is_asked_for_again(store: Store, tmp_path: Path, fault: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound" * 100_000)
    root = Bucket(store.upload(tmp_path))
    store.proxy.fault = lambda key: fault if key == "a.wav" and store.proxy.got[key] == 1 else None
    assert fetched(root, "a.wav") == b"sound" * 100_000
    assert store.proxy.got["a.wav"] > 1


@pytest.mark.slow
def test_a_server_that_goes_away_is_no_fault_of_the_object(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    root = Bucket(store.upload(tmp_path))
    assert fetched(root, "a.wav") == b"sound"
    store.proxy.away = True
    with pytest.raises(StorageError, match="cannot be listed"):
        fetched(root, "a.wav")


def test_an_object_too_large_to_hold_is_rejected_before_it_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound" * 1000)
    monkeypatch.setattr(storage, "MAX_OBJECT_BYTES", 4999)
    with pytest.raises(RowError, match="has 5000 bytes, 4999 can be held") as error:
        fetched(Bucket(store.upload(tmp_path)), "a.wav")
    assert (reason_of(error), error.value.value) == (Reason.STORAGE_FAILED, 5000)

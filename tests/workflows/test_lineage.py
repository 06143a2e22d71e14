"""Versions of the dataset."""

from pathlib import Path

import yaml

from pipeline.shards import write_table
from schemas.tables.features import features_contract
from tests.workflows.synthetic_features import N_MELS, feature_row, write_corpus
from workflows.lineage import dataset_version

CONTRACT = features_contract(N_MELS)


def test_dataset_version_is_dvcs_when_the_lock_fits_and_a_sha256_otherwise(tmp_path: Path) -> None:
    features, _ = write_corpus(tmp_path / "data")
    lock, folder = tmp_path / "dvc.lock", features / "toy"
    size = sum(path.stat().st_size for path in folder.iterdir())
    out = {"path": "data/extract/toy", "hash": "md5", "md5": "abc.dir", "size": size, "nfiles": 2}
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"extract@toy": {"cmd": "x", "outs": [out]}}}), encoding="utf-8")
    assert dataset_version(features, ["toy"], lock) == {"toy": "md5:abc.dir"}
    write_table(folder / "features-0001-of-0002.parquet", CONTRACT.table([feature_row(99, "train")]), CONTRACT)
    assert dataset_version(features, ["toy"], lock)["toy"].startswith("sha256:")
    assert dataset_version(features, ["toy"], tmp_path / "missing.lock")["toy"].startswith("sha256:")

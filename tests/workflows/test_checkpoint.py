"""Models as files: what they hold, and what is refused."""

from pathlib import Path

import pytest
import torch

from schemas.errors import CheckpointError
from workflows.checkpoint import load_tts, read_header, read_tensors, write_tensors


def test_the_model_file_holds_averaged_weights_vocabulary_statistics_and_lineage(unbroken: Path) -> None:
    model, metadata = load_tts(unbroken / "models" / "tts.safetensors")
    average = read_tensors(unbroken / "models/checkpoints/resume.safetensors", "average.")
    assert average.keys() == model.state_dict().keys()
    assert all(torch.equal(value, average[name]) for name, value in model.state_dict().items())
    assert metadata.vocabulary.emotions == ("angry", "neutral")
    assert metadata.statistics["toy/s2"]["log_f0_mean"] == 5.5
    assert metadata.lineage["params"]["train"]["max_steps"] == 20
    assert metadata.lineage["dataset"]["toy"].startswith("sha256:")
    assert not model.training


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is not there"), (b"\x80\x04pickle", "is no checkpoint"), (b"", "is no checkpoint")]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "tts.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_tts(path)


def test_a_model_whose_tensors_or_sizes_were_changed_is_refused(tmp_path: Path, unbroken: Path) -> None:
    whole = unbroken / "models" / "tts.safetensors"
    header, _ = read_header(whole)
    tensors = read_tensors(whole)
    write_tensors(tmp_path / "short.safetensors", dict(list(tensors.items())[1:]), header)
    with pytest.raises(CheckpointError, match="1 tensors do not fit the model"):
        load_tts(tmp_path / "short.safetensors")
    huge = {**header, "config": {**header["config"], "n_phones": 10**12}}
    write_tensors(tmp_path / "huge.safetensors", tensors, huge)
    with pytest.raises(CheckpointError, match=r"do not fit the model, such as encoder\.embedding"):
        load_tts(tmp_path / "huge.safetensors")
    write_tensors(tmp_path / "odd.safetensors", tensors, {**header, "config": {**header["config"], "n_mels": "many"}})
    with pytest.raises(CheckpointError, match="does not fit this code"):
        load_tts(tmp_path / "odd.safetensors")

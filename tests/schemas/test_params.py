"""params.yaml: every key explained, every slip told by name."""

import re

import pytest
import yaml

from schemas.errors import ParamsError
from schemas.params import Params, load_params
from tests.conftest import PROJECT

TEXT = (PROJECT / "params.yaml").read_text(encoding="utf-8")


def load_text(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(path, Params)


def test_the_file_in_git_is_valid(tmp_path):
    assert load_text(tmp_path, TEXT).frames.grid().n_frames(22050) == 86


def test_every_value_has_a_comment_on_its_line():
    values = [line for line in TEXT.splitlines() if re.match(r"\s*\w+:\s+[^#\s]", line)]
    assert len(values) > 60
    assert [line for line in values if "#" not in line] == []


def test_every_number_names_its_range():
    numbers = [line for line in TEXT.splitlines() if re.match(r"\s*\w+:\s+-?[\d.]", line)]
    assert len(numbers) > 40
    assert [line for line in numbers if not re.search(r"\.\. |even|at most|in \[|multiple|divide", line.partition("#")[2])] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_mels: 80", "n_mel: 80", r"unknown key `mel.n_mel`; did you mean `n_mels`"),
        ("n_mels: 80", "", r"missing key `mel.n_mels`"),
        ("n_mels: 80", "n_mels: eighty", r"`mel.n_mels` is 'eighty': input should be a valid integer"),
        ("n_mels: 80", "n_mels: 80.0", r"`mel.n_mels` is 80.0: input should be a valid integer"),
        ("n_mels: 80", "n_mels: 8", r"`mel.n_mels` is 8: input should be greater than or equal to 16"),
        ("extractor: ac_voiced", "extractor: praat", r"`pitch.extractor` is 'praat': input should be 'ac_voiced', 'praat_ac', 'dio'"),
        ("hop_samples: 256", "hop_samples: 257", r"n_fft - hop_samples even.*set hop_samples to 256 or 258"),
        ("adapter: esd", "adaptor: esd", r"unknown key `corpora.demo.adaptor`; did you mean `adapter`"),
        ("  demo:", "  de/mo:", r"`corpora.de/mo`"),
        ("corpora:", "corpora: [", r"not valid YAML"),
    ],
)
def test_a_slip_is_told_by_the_key_and_what_is_allowed(tmp_path, old, new, message):
    assert old in TEXT
    with pytest.raises(ParamsError, match=message):
        load_text(tmp_path, TEXT.replace(old, new, 1))


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(ParamsError, match="run from the project's folder"):
        load_params(tmp_path / "params.yaml", Params)


def test_sections_in_the_file_are_those_in_the_code():
    assert set(yaml.safe_load(TEXT)) == set(Params.model_fields)

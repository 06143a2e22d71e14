"""Vocoders keep length, pitch and spectrum; checkpoints that do not fit are named."""

import json
import warnings

import numpy as np
import pytest
import torch

from pipeline import mel, pitch
from pipeline.text import espeak
from schemas.errors import CheckpointError, ParamsError
from schemas.params import Params, load_params
from tests.conftest import PROJECT
from workflows import measures, vocoders
from workflows.vocoders import bigvgan, hifigan, vocos, world

PARAMS = load_params(PROJECT / "params.yaml", Params)
GRID = PARAMS.frames.grid()
MEL = {name: getattr(PARAMS.mel, name) for name in ("n_mels", "f_min_hz", "f_max_hz", "amplitude_floor")}


def buzz(f0_hz: float, seconds: float = 1.0) -> np.ndarray:
    """A vowel-like harmonic tone: partials falling by 9 dB an octave, faded in and out."""
    t = np.arange(int(seconds * GRID.sample_rate_hz)) / GRID.sample_rate_hz
    tone = sum(k**-1.5 * np.sin(2 * np.pi * k * f0_hz * t) for k in range(1, int(7000 / f0_hz)))
    return (0.15 * tone * np.minimum(1, 20 * np.minimum(t, t[-1] - t))).astype(np.float32)


@pytest.fixture(scope="module", params=["hifigan", "griffin_lim", "world"])
def vocode(request):
    rendered = vocoders.load_vocoder(PARAMS.synthesize.model_copy(update={"vocoder": request.param}), GRID, PARAMS.mel)
    return lambda mel_ln, f0_hz=None: rendered(mel_ln, np.full(len(mel_ln), 140.0) if f0_hz is None else f0_hz)


def test_output_has_a_hop_a_frame_in_range_and_is_repeatable(vocode):
    mel_ln = mel.log_mel(buzz(140), GRID, **MEL)
    samples = vocode(mel_ln)
    assert samples.dtype == np.float32
    assert samples.shape == (len(mel_ln) * GRID.hop_samples,)
    assert np.abs(samples).max() <= 1
    assert (vocode(mel_ln) == samples).all()


def test_copy_synthesis_of_speech_keeps_spectrum_and_pitch(vocode):
    speech = espeak.speak("We were away a year ago.", espeak.VoiceSettings("en-us", 160, 45, 50, 100))
    samples = speech.samples.astype(np.float32) / 32768
    mel_ln, track = mel.log_mel(samples, GRID, **MEL), pitch.extract_f0(samples, GRID, PARAMS.pitch, floor_hz=60, ceiling_hz=400)
    real, copy = samples, vocode(mel_ln, track[: len(mel_ln)])
    assert measures.log_mel_distance_db(mel.log_mel(real, GRID, **MEL)[:-1], mel.log_mel(copy, GRID, **MEL)[:-1]) < 6
    f0_hz = [pitch.extract_f0(x[: len(copy)], GRID, PARAMS.pitch, floor_hz=60, ceiling_hz=400) for x in (real, copy)]
    assert measures.f0_gross_error(*f0_hz) < 0.02
    assert measures.f0_correlation(*f0_hz) > 0.9


def test_a_vocoder_of_another_mel_is_refused_with_the_difference():
    with pytest.raises(ParamsError, match=r"num_mels: vocoder 80, params 100"):
        vocoders.load_vocoder(PARAMS.synthesize, GRID, PARAMS.mel.model_copy(update={"n_mels": 100}))


def test_a_checkpoint_without_config_says_what_to_put_beside_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        hifigan.load_hifigan(tmp_path / "g_02500000", GRID, PARAMS.mel)


def test_a_checkpoint_of_something_else_is_named(tmp_path):
    config = json.loads((hifigan.universal_checkpoint().with_name("config.json")).read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save({"generator": {"linear.weight": torch.zeros(2, 2)}}, tmp_path / "g")
    with pytest.raises(CheckpointError, match="not a HiFi-GAN generator"):
        hifigan.load_hifigan(tmp_path / "g", GRID, PARAMS.mel)


def test_a_pickle_with_code_in_it_is_not_run(tmp_path):
    config = (hifigan.universal_checkpoint().with_name("config.json")).read_text()
    (tmp_path / "config.json").write_text(config)
    torch.save({"generator": print}, tmp_path / "g")
    with pytest.raises(CheckpointError, match="cannot be read safely"):
        hifigan.load_hifigan(tmp_path / "g", GRID, PARAMS.mel)


CONFIG = {"sampling_rate": 22050, "hop_size": 256, "win_size": 1024, "n_fft": 1024, "num_mels": 80, "fmin": 0, "fmax": 8000}
SMALL = {"upsample_initial_channel": 32, "resblock_kernel_sizes": [3, 5], "snake_logscale": True, "activation": "snakebeta"}


def write_hifigan(folder, config):
    """A checkpoint as HiFi-GAN's own training writes it, weight-normalised, with random weights."""
    shape = hifigan._network(config)
    state = {}
    for name, tensor in shape.state_dict().items():
        if name in ("mean", "scale"):
            continue
        theirs = name.replace("upsampler.", "ups.")
        if theirs.endswith(".weight"):
            state[theirs + "_v"] = tensor
            state[theirs + "_g"] = tensor.flatten(1).norm(dim=1).reshape(-1, 1, 1)
        else:
            state[theirs] = tensor
    torch.save({"generator": state}, folder / "g_00000001")
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "g_00000001", shape


@pytest.mark.parametrize(
    ("kind", "rates", "dilations"),
    [("1", [8, 8, 2, 2], [[1, 3, 5], [1, 3, 5]]), ("2", [8, 8, 4], [[1, 2], [2, 6]])],
    ids=["V1 and V2", "V3"],
)
def test_checkpoints_of_all_versions_are_read_and_render_what_their_generator_does(tmp_path, kind, rates, dilations):
    shape = {
        "resblock": kind,
        "upsample_rates": rates,
        "upsample_kernel_sizes": [2 * r for r in rates],
        "resblock_dilation_sizes": dilations,
    }
    torch.manual_seed(0)
    checkpoint, generator = write_hifigan(tmp_path, CONFIG | SMALL | shape)
    mel_ln = np.random.default_rng(0).normal(-5, 2, (20, 80)).astype(np.float32)
    samples = hifigan.load_hifigan(checkpoint, GRID, PARAMS.mel)(mel_ln)
    assert samples.shape == (20 * 256,)
    with torch.inference_mode():
        np.testing.assert_allclose(samples, generator(torch.tensor(mel_ln)).numpy(), atol=1e-5)


@pytest.mark.parametrize("change", [{"upsample_initial_channel": 64}, {"upsample_rates": None}], ids=["other sizes", "a key of no use"])
def test_weights_that_are_not_of_the_config_beside_them_are_named(tmp_path, change):
    shape = {
        "resblock": "1",
        "upsample_rates": [8, 8, 4],
        "upsample_kernel_sizes": [16, 16, 8],
        "resblock_dilation_sizes": [[1, 2], [2, 6]],
    }
    checkpoint, _ = write_hifigan(tmp_path, CONFIG | SMALL | shape)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | SMALL | shape | change))
    with pytest.raises(CheckpointError, match="is no HiFi-GAN of its config"):
        hifigan.load_hifigan(checkpoint, GRID, PARAMS.mel)


def test_a_v3_block_is_the_papers():
    block = hifigan._ResidualBlock2(4, 3, [1, 2])
    x = torch.randn(1, 4, 30)
    expected = x
    for convolution in block.convs:
        expected = expected + convolution(torch.where(expected > 0, expected, 0.1 * expected))
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == x.shape


def test_a_bigvgan_of_random_weights_is_read_from_its_own_format(tmp_path):
    package = pytest.importorskip("bigvgan.bigvgan", reason="BigVGAN is not installed: users bring package and weights")
    from bigvgan.env import AttrDict

    shape = {"resblock": "1", "upsample_rates": [4, 4, 2, 2, 2, 2], "upsample_kernel_sizes": [8, 8, 4, 4, 4, 4]}
    config = CONFIG | SMALL | shape | {"upsample_initial_channel": 64, "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]]}
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        generator = package.BigVGAN(AttrDict(config))
    torch.save({"generator": generator.state_dict()}, tmp_path / "bigvgan_generator.pt")
    (tmp_path / "config.json").write_text(json.dumps(config))
    samples = bigvgan.load_bigvgan(tmp_path / "bigvgan_generator.pt", GRID, PARAMS.mel)(np.full((8, 80), -5, np.float32))
    assert samples.shape == (8 * 256,)
    with pytest.raises(ParamsError, match="num_mels"):
        bigvgan.load_bigvgan(tmp_path / "bigvgan_generator.pt", GRID, PARAMS.mel.model_copy(update={"n_mels": 100}))


VOCOS = {
    "feature_extractor": {
        "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
        "init_args": {"sample_rate": 22050, "n_fft": 1024, "hop_length": 256, "n_mels": 80},
    },
    "backbone": {
        "class_path": "vocos.models.VocosBackbone",
        "init_args": {"input_channels": 80, "dim": 32, "intermediate_dim": 64, "num_layers": 1},
    },
    "head": {"class_path": "vocos.heads.ISTFTHead", "init_args": {"dim": 32, "n_fft": 1024, "hop_length": 256, "padding": "same"}},
}


def test_a_vocos_of_random_weights_is_read_from_its_own_format(tmp_path):
    why = "Vocos is not installed: users bring package and weights"
    models, heads = (pytest.importorskip(f"vocos.{part}", reason=why, exc_type=ImportError) for part in ("models", "heads"))
    (tmp_path / "config.yaml").write_text(json.dumps(VOCOS))
    parts = {"backbone": models.VocosBackbone(**VOCOS["backbone"]["init_args"]), "head": heads.ISTFTHead(**VOCOS["head"]["init_args"])}
    state = {f"{part}.{name}": tensor for part, module in parts.items() for name, tensor in module.state_dict().items()}
    torch.save(state, tmp_path / "pytorch_model.bin")
    samples = vocos.load_vocos(tmp_path / "pytorch_model.bin", GRID, PARAMS.mel)(np.full((8, 80), -5, np.float32))
    assert samples.shape == (8 * 256,)
    evil = VOCOS | {"head": {"class_path": "os.system", "init_args": {"command": "true"}}}
    (tmp_path / "config.yaml").write_text(json.dumps(evil))
    with pytest.raises(CheckpointError, match=r"none of vocos\.heads"):
        vocos.load_vocos(tmp_path / "pytorch_model.bin", GRID, PARAMS.mel)


def test_a_vocos_of_another_mel_is_refused_before_its_package_is_asked_for(tmp_path):
    args = VOCOS["feature_extractor"]["init_args"] | {"sample_rate": 24000, "n_mels": 100}
    (tmp_path / "config.yaml").write_text(json.dumps(VOCOS | {"feature_extractor": {"init_args": args}}))
    with pytest.raises(ParamsError, match="sample_rate: vocoder 24000, params 22050; n_mels: vocoder 100, params 80"):
        vocos.load_vocos(tmp_path / "pytorch_model.bin", GRID, PARAMS.mel)


def test_weights_that_are_needed_and_not_named_are_asked_for():
    with pytest.raises(ParamsError, match="vocoder: bigvgan needs weights"):
        vocoders.load_vocoder(PARAMS.synthesize.model_copy(update={"vocoder": "bigvgan"}), GRID, PARAMS.mel)
    nowhere = PARAMS.synthesize.model_copy(update={"vocoder_path": "nowhere/g_02500000"})
    with pytest.raises(CheckpointError, match="is not there"):
        vocoders.vocoder_identity(nowhere)


def test_world_without_f0_says_so():
    with pytest.raises(ParamsError, match="needs F0"):
        world.load_world(GRID, PARAMS.mel)(np.full((8, 80), -5, np.float32))


def test_world_realises_another_f0_than_the_recordings():
    mel_ln = mel.log_mel(buzz(140), GRID, **MEL)
    samples = world.load_world(GRID, PARAMS.mel)(mel_ln, np.full(len(mel_ln), 180.0))
    found = pitch.extract_f0(samples, GRID, PARAMS.pitch, floor_hz=60, ceiling_hz=400)
    assert np.nanmedian(found) == pytest.approx(180, rel=0.01)

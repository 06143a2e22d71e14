"""The whole model on made-up batches."""

import dataclasses
import re
from typing import Any

import pytest
import torch

from model.config import TtsConfig
from model.diffusion import gaussian_noise_guess
from model.emotions import EmotionMix
from model.predictors import PhoneProsody
from model.prosody import PSD_CHANNELS
from model.style import N_WHO_CHANNELS, Style
from model.tts import Tts, parameter_counts
from tests.conftest import PROJECT
from tests.model.tiny_model import CONFIG, N_MELS, batch_of, noise, sampling

N_STYLE_CHANNELS = N_WHO_CHANNELS + PSD_CHANNELS[CONFIG.psd_image]


@pytest.mark.parametrize("sampler", ["euler", "ode2", "sde"])
def test_a_row_sounds_the_same_alone_and_padded_in_a_batch(model: Tts, sampler: str) -> None:
    both, alone = batch_of([0, 1]), batch_of([1])
    together = model.synthesise(both.conditions, both.durations, both.prosody, noise([1, 2], [14, 9]), sampling(5, sampler))
    single = model.synthesise(alone.conditions, alone.durations, alone.prosody, noise([2], [9]), sampling(5, sampler))
    torch.testing.assert_close(together[1, :9], single[0], atol=2e-4, rtol=1e-4)


def test_predicted_prosody_of_a_row_does_not_depend_on_the_batch(model: Tts) -> None:
    both, alone = model.predict(batch_of([0, 1]).conditions), model.predict(batch_of([1]).conditions)
    n_frames = int(alone.durations.sum())
    assert both.durations[1, :2].tolist() == alone.durations[0].tolist()
    torch.testing.assert_close(both.prosody.log_f0_z[1, :n_frames], alone.prosody.log_f0_z[0], atol=1e-5, rtol=1e-5)


def test_plain_text_needs_no_durations_and_no_prosody(model: Tts) -> None:
    conditions = batch_of([0, 1]).conditions
    predicted = model.predict(conditions)
    lengths = predicted.durations.sum(-1).tolist()
    mel_ln = model.synthesise(conditions, predicted.durations, predicted.prosody, noise([1, 2], lengths), sampling(2))
    assert mel_ln.shape == (2, max(lengths), N_MELS)
    assert torch.isfinite(mel_ln).all()


@pytest.mark.parametrize("name", ["log_f0_z", "voiced", "energy_z"])
def test_each_prosody_track_moves_the_output(model: Tts, name: str) -> None:
    batch, drawn = batch_of([0]), noise([1], [14])
    other = dataclasses.replace(batch.prosody, **{name: getattr(batch.prosody, name) + 1.0})
    mels = [model.synthesise(batch.conditions, batch.durations, prosody, drawn, sampling(3)) for prosody in (batch.prosody, other)]
    assert float((mels[0] - mels[1]).abs().max()) > 1e-3


def mixed(model: Tts, weights: list[float], space: str, scale: float) -> torch.Tensor:
    batch = batch_of([0])
    mix = EmotionMix(torch.tensor(weights).expand(1, 4, 3), space, scale)
    return model.synthesise(batch.conditions, batch.durations, batch.prosody, noise([1], [14]), sampling(3), mix)


@pytest.mark.parametrize("space", ["embedding", "noise"])
def test_at_no_intensity_all_emotions_are_one(model: Tts, space: str) -> None:
    conditions = batch_of([0]).conditions
    first, second = (EmotionMix(torch.tensor(weights).expand(1, 4, 3), space, 0.0) for weights in ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0]))
    one, other = (model.predict(conditions, mix=mix) for mix in (first, second))
    assert one.durations.tolist() == other.durations.tolist()
    torch.testing.assert_close(one.prosody.log_f0_z, other.prosody.log_f0_z)
    torch.testing.assert_close(mixed(model, [0.0, 1.0, 0.0], space, 0.0), mixed(model, [0.0, 0.0, 1.0], space, 0.0), atol=1e-4, rtol=1e-4)


def test_twice_the_intensity_predicts_prosody_as_far_again(model: Tts) -> None:
    conditions, weights = batch_of([0]).conditions, torch.tensor([0.0, 1.0, 0.0]).expand(1, 4, 3)
    with torch.no_grad():
        said = [model.phone_prosody(conditions, EmotionMix(weights, "embedding", scale)) for scale in (0.0, 1.0, 2.0)]
    for name, none, once, twice in zip(PhoneProsody._fields, *said, strict=True):
        assert float((once - none).abs().max()) > 1e-4, name
        torch.testing.assert_close(twice - none, 2 * (once - none), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("space", ["embedding", "noise"])
def test_a_mix_of_one_emotion_is_that_emotion(model: Tts, space: str) -> None:
    batch = batch_of([0])
    plain = model.synthesise(batch.conditions, batch.durations, batch.prosody, noise([1], [14]), sampling(3))
    torch.testing.assert_close(mixed(model, [0.0, 0.0, 1.0], space, 1.0), plain)


@pytest.mark.parametrize("space", ["embedding", "noise"])
def test_shares_and_intensity_of_a_mix_change_the_output_and_intensity_0_forgets_the_emotion(model: Tts, space: str) -> None:
    half, scaled = mixed(model, [0.0, 0.5, 0.5], space, 1.0), mixed(model, [0.0, 0.0, 1.0], space, 2.0)
    assert float((half - mixed(model, [0.0, 0.0, 1.0], space, 1.0)).abs().max()) > 1e-4
    assert float((scaled - mixed(model, [0.0, 0.0, 1.0], space, 1.0)).abs().max()) > 1e-4
    unknown = mixed(model, [1.0, 0.0, 0.0], space, 1.0)
    torch.testing.assert_close(mixed(model, [1.0, 0.0, 0.0], space, 3.0), unknown, atol=1e-3, rtol=1e-3)


def test_a_schedule_of_emotions_says_its_first_phones_as_the_first_emotion_alone_would_be_conditioned(model: Tts) -> None:
    batch = batch_of([0])
    weights = torch.zeros(1, 4, 3)
    weights[:, :2, 1], weights[:, 2:, 2] = 1.0, 1.0
    changing = EmotionMix(weights, "noise", 1.0)
    mel_ln = model.synthesise(batch.conditions, batch.durations, batch.prosody, noise([1], [14]), sampling(3), changing)
    first, last = (mixed(model, share, "noise", 1.0) for share in ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0]))
    start, end = ((mel_ln - other)[0].abs().mean(-1) for other in (first, last))
    assert float(start[:3].mean()) < float(end[:3].mean())
    assert float(end[-3:].mean()) < float(start[-3:].mean())


def test_an_untrained_score_network_is_the_best_linear_denoiser() -> None:
    model, (x_t, mu) = Tts(CONFIG).eval(), torch.randn(2, 2, 12, N_MELS)
    t, mask, style = (
        torch.tensor([0.2, 0.7]),
        torch.ones(2, 12, 1),
        Style(torch.randn(2, N_STYLE_CHANNELS, 12, N_MELS), torch.randn(2, 1, 4), None),
    )
    guess, _ = gaussian_noise_guess(x_t, mu, t, CONFIG.residual_spread, model.schedule)
    torch.testing.assert_close(model.score(x_t, t, mu, mask, style), guess)


def test_without_a_guess_the_network_alone_says_what_the_noise_is() -> None:
    model = Tts(dataclasses.replace(CONFIG, residual_spread=None)).eval()
    for parameter in model.estimator.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    (x_t, mu), t, mask = torch.randn(2, 2, 12, N_MELS), torch.tensor([0.2, 0.7]), torch.ones(2, 12, 1)
    style = Style(torch.randn(2, N_STYLE_CHANNELS, 12, N_MELS), torch.randn(2, 1, 4), None)
    torch.testing.assert_close(model.score(x_t, t, mu, mask, style), model.estimator(x_t, t, mu, mask, style))


def test_parameter_counts_add_up(model: Tts) -> None:
    assert parameter_counts(model)["total"] == sum(p.numel() for p in model.parameters())


def preset(number: int) -> TtsConfig:
    """A preset as the comments of `params.yaml` state it."""
    lines = re.findall(r"^  (\w+): .*presets (\d+) / (\d+) / (\d+)$", (PROJECT / "params.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    sizes: dict[str, Any] = {name: int(values[number]) for name, *values in lines}
    assert len(sizes) == 6
    bands = {"n_mels": 80, "mel_centres_hz": (1.0,) * 80, "mel_widths_hz": (1.0,) * 80}
    return dataclasses.replace(CONFIG, **sizes, **bands, n_phones=42, speaker_channels=32, emotion_channels=32)


def test_presets_have_the_sizes_that_params_yaml_states_and_base_is_near_the_published_one() -> None:
    with torch.device("meta"):
        tiny, small, base = (parameter_counts(Tts(preset(number))) for number in range(3))
    assert [round(counts["total"] / 1e6, 1) for counts in (tiny, small, base)] == [2.6, 8.3, 16.8]
    assert base["estimator"] == pytest.approx(7.6e6, rel=0.05)
    assert base["encoder"] == pytest.approx(7.2e6, rel=0.05)

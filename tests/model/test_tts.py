"""The whole model on made-up batches."""

import dataclasses
import re
from typing import Any

import pytest
import torch

from model.conditioning import N_WHO_CHANNELS, PSD_CHANNELS, DropRates, EmotionMix, Prosody, Style
from model.diffusion import Mean, gaussian_noise_guess
from model.samplers import FreshNoise, start_noise
from model.tts import Batch, Conditions, Part, Sampling, Tts, TtsConfig, _shown, parameter_counts
from schemas.errors import ParamsError
from tests.conftest import PROJECT

N_MELS = 16
CONFIG = TtsConfig(
    estimator="grad_unet",
    attention="linear",
    psd_image="ridge",
    mu_sees="prosody",
    n_phones=9,
    n_speakers=3,
    n_emotions=3,
    n_mels=N_MELS,
    unet_channels=8,
    unet_levels=3,
    unet_fold=1,
    encoder_channels=32,
    encoder_layers=1,
    encoder_heads=2,
    predictor_channels=32,
    speaker_channels=4,
    emotion_channels=4,
    dropout=0.1,
    beta_min=0.05,
    beta_max=20.0,
    mel_centres_hz=tuple(100.0 * (band + 1) for band in range(N_MELS)),
    mel_widths_hz=(40.0,) * N_MELS,
    mel_mean_ln=-5.0,
    mel_std_ln=2.0,
    residual_spread=0.5,
)
DURATIONS = torch.tensor([[3, 5, 2, 4], [6, 3, 0, 0]])


HALF, NOTHING_HIDDEN = DropRates(0.5, 0.5, 0.5), DropRates(0.0, 0.0, 0.0)


def noise(seeds: list[int], n_frames: list[int]) -> FreshNoise:
    return lambda draw: start_noise([100 * seed + draw for seed in seeds], n_frames, N_MELS)


def sampling(n_steps: int, sampler: str = "ode2") -> Sampling:
    return Sampling(sampler, n_steps, 1.5)


NETWORKS = {
    "linear": {},
    "cross": {"attention": "cross"},
    "folded": {"attention": "cross", "unet_fold": 2},
    "diffusers": {"estimator": "diffusers_unet", "attention": "cross", "unet_channels": 16, "unet_levels": 2},
}


@pytest.fixture(params=NETWORKS)
def model(request: pytest.FixtureRequest) -> Tts:
    torch.manual_seed(0)
    tts = Tts(dataclasses.replace(CONFIG, **NETWORKS[request.param]))
    for parameter in tts.estimator.parameters():  # the last layer and the attention gates start at zero: wake them
        torch.nn.init.normal_(parameter, std=0.1)
    return tts.eval()


N_STYLE_CHANNELS = N_WHO_CHANNELS + PSD_CHANNELS[CONFIG.psd_image]


def batch_of(rows: list[int]) -> Batch:
    durations = DURATIONS[rows]
    n_frames, n_phones = int(durations.sum(-1).max()), int((durations > 0).sum(-1).max())
    generator = torch.Generator().manual_seed(2)
    mel, tracks = torch.randn(2, 14, N_MELS, generator=generator) - 5.0, torch.randn(3, 2, 14, generator=generator)
    inside = torch.arange(n_frames) < durations.sum(-1, keepdim=True)
    pitch, voiced, energy = tracks[:, rows, :n_frames] * inside
    phones = torch.tensor([[2, 3, 4, 5], [6, 7, 0, 0]])[rows, :n_phones]
    conditions = Conditions(
        phones,
        torch.tensor([1, 2])[rows],
        torch.tensor([2, 1])[rows],
        torch.tensor([[5.0, 0.2], [5.4, 0.1]])[rows],
        torch.zeros(len(rows), 0),
    )
    mel = mel[rows, :n_frames] * inside.unsqueeze(-1)
    prosody, part = Prosody(pitch, (voiced > 0).float(), energy), Part(0, 1, len(rows))
    return Batch(tuple(str(r) for r in rows), conditions, durations[:, :n_phones], prosody, mel, part)


def values(losses: dict[str, Mean]) -> dict[str, torch.Tensor]:
    return {name: mean.value for name, mean in losses.items()}


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
    lengths = model.predict(conditions).durations.sum(-1).tolist()
    mel_ln = model.synthesise(conditions, None, None, noise([1, 2], lengths), sampling(2))
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
    none, once, twice = (
        model.predict(conditions, DURATIONS[:1], EmotionMix(weights, "embedding", scale)).prosody.energy_z for scale in (0.0, 1.0, 2.0)
    )
    assert float((once - none).abs().max()) > 1e-4
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


def test_each_condition_is_hidden_at_its_own_rate() -> None:
    shown = _shown(Part(0, 1, 4000), DropRates(0.0, 0.3, 1.0), torch.Generator().manual_seed(0), torch.device("cpu"))
    assert bool(shown.speaker.all())
    assert not bool(shown.prosody.any())
    assert float(shown.emotion.float().mean()) == pytest.approx(0.7, abs=0.03)


def test_losses_are_a_function_of_batch_and_generator(model: Tts) -> None:
    first, second = (values(model.losses(batch_of([0, 1]), 8, HALF, torch.Generator().manual_seed(4))) for _ in range(2))
    assert set(first) == {"prior", "diffusion", "duration", "pitch", "voiced", "energy"}
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_poisoned_padding_does_not_reach_the_losses(model: Tts) -> None:
    batch = batch_of([0, 1])
    dirty = batch.mel_ln.clone()
    dirty[1, 9:] = 1e6
    clean, poisoned = (
        values(model.losses(dataclasses.replace(batch, mel_ln=mel), 12, NOTHING_HIDDEN, torch.Generator().manual_seed(4)))
        for mel in (batch.mel_ln, dirty)
    )
    for name, value in clean.items():
        torch.testing.assert_close(poisoned[name], value, msg=name)


def test_parts_of_a_batch_add_up_to_the_losses_of_the_whole(model: Tts) -> None:
    whole = batch_of([0, 1])

    def part(row: int) -> Batch:  # frames padded to the whole batch's
        alone, n_frames = batch_of([row]), whole.mel_ln.shape[1]
        pad = n_frames - alone.mel_ln.shape[1]
        prosody = Prosody(
            *(torch.nn.functional.pad(x, (0, pad)) for x in (alone.prosody.log_f0_z, alone.prosody.voiced, alone.prosody.energy_z))
        )
        mel = torch.nn.functional.pad(alone.mel_ln, (0, 0, 0, pad))
        return dataclasses.replace(alone, prosody=prosody, mel_ln=mel, part=Part(row, 2, 2))

    expected, *parts = (model.losses(batch, 8, HALF, torch.Generator().manual_seed(4)) for batch in (whole, part(0), part(1)))
    for name, mean in expected.items():
        together = Mean(parts[0][name].total + parts[1][name].total, parts[0][name].weight + parts[1][name].weight)
        torch.testing.assert_close(together.value, mean.value, msg=name)


def test_every_parameter_learns(model: Tts) -> None:
    model.train()
    sum(values(model.losses(batch_of([0, 1]), 12, HALF, torch.Generator().manual_seed(1))).values(), torch.zeros(())).backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert idle == []


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_mels": 18}, "n_mels=18 must divide by"),
        ({"encoder_channels": 34}, "encoder_channels=34 must be a multiple"),
        ({"attention": "none"}, "no estimator 'grad_unet' with attention 'none'"),
        ({"estimator": "diffusers_unet"}, "no estimator 'diffusers_unet' with attention 'linear'"),
        ({"estimator": "diffusers_unet", "attention": "cross", "unet_channels": 8}, "must be a multiple of 16"),
        ({"psd_image": "drawn"}, "no psd_image 'drawn'"),
        ({"mel_widths_hz": (1.0,)}, "16 mel_centres_hz and 1 widths for n_mels=16"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        dataclasses.replace(CONFIG, **change)


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

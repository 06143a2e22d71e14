"""The score network "origin": Grad-TTS's U-Net over an image whose channels are x_t, mu, speaker, emotion and prosody.

Attention is of the image over itself (`linear`), or of the image over the style sequence (`cross`).
Images are (B, C, T, n_mels). The mask, (B, 1, T, 1) or None where every frame counts, goes through convolution, normalisation and
attention, so that padding a batch changes nothing.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor, nn

from model.estimators.folding import folded, unfolded
from model.layers import rotate
from model.style import Style

N_GROUPS = 8
N_HEADS = 4
HEAD_CHANNELS = 16  # of cross-attention
TIME_SCALE = 1000.0


class GradUNet(nn.Module):
    """``score(x_t, t, mu, mask, style) -> noise``.

    Departs from Grad-TTS in three places: the first level's features reach the last block by a skip connection (there they are thrown
    away), attention is as wide as its level (there 128), and normalisation leaves padding out of its means.

    Parameters
    ----------
    channels
        Of the first level, doubled at each further one; a multiple of `N_GROUPS`.
    n_levels
        Resolutions; n_mels must divide by ``fold * 2 ** (n_levels - 1)``.
    fold
        Mel bands that the first level takes together as channels: the whole network is that much narrower and cheaper.
    style_channels
        Channels of the style image.
    sequence_channels
        Channels of the style sequence, which all attention then goes to; None: linear attention of the image over itself.
    """

    def __init__(self, channels: int, n_levels: int, fold: int, style_channels: int, sequence_channels: int | None) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(n_levels)]
        inner = list(zip([fold * (2 + style_channels), *widths[:-1]], widths, strict=True))
        self.time = nn.Sequential(nn.Linear(channels, 4 * channels), nn.Mish(), nn.Linear(4 * channels, channels))

        def level(a: int, b: int, depth: int) -> Level:
            return Level(
                a, b, channels, LinearAttention(b) if sequence_channels is None else CrossAttention(b, sequence_channels, 2**depth)
            )

        self.downs = nn.ModuleList(level(a, b, depth) for depth, (a, b) in enumerate(inner))
        self.shrinks = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for width in widths[:-1])
        self.middle = level(widths[-1], widths[-1], n_levels - 1)
        self.ups = nn.ModuleList(level(2 * b, a, depth) for depth, (a, b) in reversed(list(enumerate(inner))[1:]))
        self.grows = nn.ModuleList(nn.ConvTranspose2d(a, a, 4, stride=2, padding=1) for a, _ in reversed(inner[1:]))
        self.last = Block(2 * channels, channels)
        self.out = nn.Conv2d(channels, fold, 1, bias=False)
        nn.init.zeros_(self.out.weight)
        self.fold = fold
        self.stride = 2 ** (n_levels - 1)
        self.channels = channels

    def forward(self, x_t: Tensor, t: Tensor, mu: Tensor, mask: Tensor, style: Style) -> Tensor:
        """Predict.

        Parameters
        ----------
        x_t, mu
            Float of shape (B, T, n_mels).
        t
            Float of shape (B,), 0 .. 1.
        mask
            1 at frames, 0 at padding, float of shape (B, T, 1).
        style
            Conditions as channels and, for cross-attention, as a sequence.

        Returns
        -------
        Tensor
            Float of shape (B, T, n_mels), zero at padding.
        """
        n_frames = x_t.shape[1]
        image = torch.cat([torch.stack([mu, x_t], dim=1), style.image], dim=1)  # (B, 2 + style_channels, T, M)
        spare = -n_frames % self.stride
        image, frames = F.pad(image, (0, 0, 0, spare)), F.pad(mask, (0, 0, 0, spare)).unsqueeze(1)  # frames (B, 1, T, 1)
        keys = None if style.sequence is None else Keys(style.sequence, _none_if_full(mask.unsqueeze(1)))
        time = self.time(time_embedding(t, self.channels))
        noise = unfolded(self._image_to_noise(folded(image, self.fold), time, _none_if_full(frames), keys), self.fold)
        return noise[:, 0, :n_frames] * mask

    def _image_to_noise(self, x: Tensor, time: Tensor, mask: Tensor | None, keys: "Keys | None") -> Tensor:
        masks, skips = [mask], []
        for index, level in enumerate(self.downs):
            if index:
                x = self.shrinks[index - 1](_masked(x, masks[-1]))
                masks.append(None if masks[-1] is None else masks[-1][:, :, ::2])
            x = level(x, time, masks[-1], keys)
            skips.append(x)
        x = self.middle(x, time, masks[-1], keys)
        for up, grow in zip(self.ups, self.grows, strict=True):
            x = up(torch.cat([x, skips.pop()], dim=1), time, masks[-1], keys)
            x = grow(_masked(x, masks.pop()))
        out: Tensor = self.out(self.last(torch.cat([x, skips.pop()], dim=1), mask))
        return out


@dataclass(frozen=True)
class Keys:
    """What cross-attention looks at: a sequence (B, T, channels), and its mask (B, 1, T, 1), None where every frame counts."""

    sequence: Tensor
    mask: Tensor | None


class Level(nn.Module):
    """ResnetBlock, ResnetBlock, Residual(Rezero(attention))."""

    def __init__(self, channels_in: int, channels: int, time_channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels_in, channels, time_channels)
        self.block_2 = ResnetBlock(channels, channels, time_channels)
        self.attention = attention
        self.rezero = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, time: Tensor, mask: Tensor | None, keys: Keys | None) -> Tensor:
        """(B, channels_in, T, M) and (B, time_channels) -> (B, channels, T, M)."""
        x = self.block_2(self.block_1(x, time, mask), time, mask)
        y: Tensor = x + self.rezero * self.attention(x, mask, keys)
        return y


class ResnetBlock(nn.Module):
    """Block(Block(x) + MLP(time)) + x."""

    def __init__(self, channels_in: int, channels: int, time_channels: int) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Mish(), nn.Linear(time_channels, channels))
        self.block_1 = Block(channels_in, channels)
        self.block_2 = Block(channels, channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor, time: Tensor, mask: Tensor | None) -> Tensor:
        """(B, channels_in, T, M) and (B, time_channels) -> (B, channels, T, M)."""
        h = self.block_1(x, mask) + self.time(time)[:, :, None, None]
        out: Tensor = self.block_2(h, mask) + self.shortcut(x)
        return out


class Block(nn.Module):
    """Convolution, group normalisation, Mish."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.norm = nn.GroupNorm(N_GROUPS, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, channels_in, T, M) -> (B, channels, T, M)."""
        return F.mish(group_norm(self.conv(_masked(x, mask)), mask, self.norm))


class LinearAttention(nn.Module):
    """Attention whose cost is linear in the image's size (Shen et al. 2021): keys are normalised over positions, then join values."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, mask: Tensor | None, keys: Keys | None) -> Tensor:  # noqa: ARG002  the other kind's
        """(B, C, T, M) -> (B, C, T, M)."""
        batch, channels, n_frames, n_mels = x.shape
        q, k, v = self.qkv(x).view(batch, 3, N_HEADS, channels // N_HEADS, n_frames * n_mels).unbind(1)  # (B, heads, D, T * M)
        if mask is not None:
            seen = mask.expand(-1, -1, -1, n_mels).reshape(batch, 1, 1, -1) > 0
            k = k.masked_fill(~seen, -torch.inf)
        context = k.softmax(dim=-1) @ v.transpose(-1, -2)  # (B, heads, D, D)
        attended = context.transpose(-1, -2) @ q  # (B, heads, D, T * M)
        out: Tensor = self.out(attended.reshape(batch, channels, n_frames, n_mels))
        return out


class CrossAttention(nn.Module):
    """Softmax attention with queries from the image (content) and keys and values from the style sequence.

    Both sides carry rotary positions in frames, so that a place can find what was asked for at its own time.

    Parameters
    ----------
    channels
        Of the image.
    sequence_channels
        Of the style sequence.
    stride
        Frames of the sequence a step of this level's image.
    """

    def __init__(self, channels: int, sequence_channels: int, stride: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, N_HEADS * HEAD_CHANNELS, 1, bias=False)
        self.key_value = nn.Linear(sequence_channels, 2 * N_HEADS * HEAD_CHANNELS, bias=False)
        self.out = nn.Conv2d(N_HEADS * HEAD_CHANNELS, channels, 1)
        self.stride = stride

    def forward(self, x: Tensor, mask: Tensor | None, keys: Keys | None) -> Tensor:  # noqa: ARG002  padding is not looked at, may look
        """(B, C, T, M) and keys over the frames -> (B, C, T, M)."""
        assert keys is not None
        batch, _, n_frames, n_mels = x.shape
        q = self.query(x).view(batch, N_HEADS, HEAD_CHANNELS, n_frames, n_mels).permute(0, 1, 4, 3, 2)  # (B, heads, M, T, D)
        middles = (torch.arange(n_frames, device=x.device, dtype=torch.float32) + 0.5) * self.stride - 0.5
        q = rotate(q, middles).reshape(batch, N_HEADS, n_mels * n_frames, HEAD_CHANNELS)
        length = keys.sequence.shape[1]
        k, v = self.key_value(keys.sequence).view(batch, length, 2, N_HEADS, HEAD_CHANNELS).permute(2, 0, 3, 1, 4)  # (B, heads, L, D)
        k = rotate(k, torch.arange(length, device=x.device, dtype=torch.float32))
        seen = None if keys.mask is None else keys.mask.transpose(2, 3) > 0  # (B, 1, 1, L)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        image = attended.view(batch, N_HEADS, n_mels, n_frames, HEAD_CHANNELS).permute(0, 1, 4, 3, 2).flatten(1, 2)
        out: Tensor = self.out(image)
        return out


def group_norm(x: Tensor, mask: Tensor | None, norm: nn.GroupNorm) -> Tensor:
    """Group normalisation whose mean and variance leave padding out.

    Parameters
    ----------
    x
        Float of shape (B, C, T, M); what it holds at padding does not matter.
    mask
        (B, 1, T, 1), or None where every frame counts: then torch's own fused kernel.
    """
    if mask is None:
        return norm(x)  # type: ignore[no-any-return]
    batch, channels, n_frames, n_mels = x.shape
    inside = (x.float() * mask).view(batch, norm.num_groups, channels // norm.num_groups, n_frames, n_mels)  # (B, G, C / G, T, M)
    count = mask.sum(dim=(1, 2, 3)).view(-1, 1, 1, 1, 1) * inside.shape[2] * n_mels
    mean = inside.sum(dim=(2, 3, 4), keepdim=True) / count
    variance = (inside.square().sum(dim=(2, 3, 4), keepdim=True) / count - mean.square()).clamp(min=0.0)
    scale = (variance + norm.eps).rsqrt()  # (B, G, 1, 1, 1)
    gain = scale * norm.weight.view(1, norm.num_groups, -1, 1, 1)  # (B, G, C / G, 1, 1)
    offset = norm.bias.view(1, norm.num_groups, -1, 1, 1) - mean * gain
    return torch.addcmul(offset, inside, gain).flatten(1, 2).to(x.dtype)


def time_embedding(t: Tensor, channels: int) -> Tensor:
    """Sinusoids of ``TIME_SCALE * t`` (Vaswani et al. 2017, section 3.5), as Grad-TTS: (B,) -> (B, channels)."""
    half = channels // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000.0) / (half - 1)))
    angles = TIME_SCALE * t.unsqueeze(-1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


def _none_if_full(mask: Tensor) -> Tensor | None:
    return None if bool((mask > 0).all()) else mask

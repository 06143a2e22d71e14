"""The published Grad-TTS decoder (Popov et al. 2021), written plainly: what `benchmarks.step_speed` measures ours against.

The network sees x_t and mu alone. Every layer is the operation that the paper's own code writes out: Mish as x tanh(softplus(x)), a
product with the mask before and after each block, linear attention of 4 heads of 32 channels at each level.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor, nn

WIDTHS_RE_CHANNELS = (1, 2, 4)
_HEADS, _HEAD_CHANNELS = 4, 32


class PlainGradTts(nn.Module):
    """``score(x_t, t, mu, mask) -> noise``, all images (B, T, n_mels), T a multiple of 4; 7.6 million parameters at 64 channels."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = [channels * times for times in WIDTHS_RE_CHANNELS]
        inner = list(zip([2, *widths[:-1]], widths, strict=True))
        self.channels = channels
        self.time = nn.Sequential(nn.Linear(channels, 4 * channels), _Mish(), nn.Linear(4 * channels, channels))
        self.downs = nn.ModuleList(_Level(a, b, channels) for a, b in inner)
        self.shrinks = nn.ModuleList(nn.Conv2d(b, b, 3, 2, 1) for b in widths[:-1])
        self.middle_1, self.middle_2 = _Resnet(widths[-1], widths[-1], channels), _Resnet(widths[-1], widths[-1], channels)
        self.middle_attention = _Attention(widths[-1])
        self.ups = nn.ModuleList(_Level(2 * b, a, channels) for a, b in reversed(inner[1:]))
        self.grows = nn.ModuleList(nn.ConvTranspose2d(a, a, 4, 2, 1) for a, _ in reversed(inner[1:]))
        self.last, self.out = _Block(channels, channels), nn.Conv2d(channels, 1, 1)

    def forward(self, x_t: Tensor, t: Tensor, mu: Tensor, mask: Tensor) -> Tensor:
        """`mask` is 1 at frames, 0 at padding, of shape (B, T, 1)."""
        half = self.channels // 2
        rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000.0) / (half - 1)))
        angles = 1000.0 * t.unsqueeze(-1) * rates
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=-1))
        x, mask = torch.stack([mu, x_t], dim=1), mask.unsqueeze(1)
        masks, skips = [mask], []
        for index, level in enumerate(self.downs):
            x = level(x, time, masks[-1])
            skips.append(x)
            if index < len(self.shrinks):
                x = self.shrinks[index](x * masks[-1])
                masks.append(masks[-1][:, :, ::2])
        x = self.middle_2(self.middle_attention(self.middle_1(x, time, masks[-1])), time, masks[-1])
        for level, grow in zip(self.ups, self.grows, strict=True):
            x = level(torch.cat([x, skips.pop()], dim=1), time, masks[-1])
            x = grow(x * masks.pop())
        return (self.out(self.last(x, mask) * mask) * mask)[:, 0]


class _Mish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tanh(F.softplus(x))


class _Block(nn.Module):
    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(channels_in, channels, 3, padding=1), nn.GroupNorm(8, channels), _Mish())

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = self.block(x * mask)
        return y * mask


class _Resnet(nn.Module):
    def __init__(self, channels_in: int, channels: int, time_channels: int) -> None:
        super().__init__()
        self.time = nn.Sequential(_Mish(), nn.Linear(time_channels, channels))
        self.block_1, self.block_2 = _Block(channels_in, channels), _Block(channels, channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        h = self.block_2(self.block_1(x, mask) + self.time(time)[:, :, None, None], mask)
        y: Tensor = h + self.shortcut(x * mask)
        return y


class _Attention(nn.Module):
    """x + gain attention(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(channels, 3 * _HEADS * _HEAD_CHANNELS, 1, bias=False)
        self.out = nn.Conv2d(_HEADS * _HEAD_CHANNELS, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        batch, _, n_frames, n_mels = x.shape
        q, k, v = self.qkv(x).view(batch, 3, _HEADS, _HEAD_CHANNELS, n_frames * n_mels).unbind(1)
        context = torch.einsum("bhdn,bhen->bhde", k.softmax(dim=-1), v)
        attended = torch.einsum("bhde,bhdn->bhen", context, q).reshape(batch, -1, n_frames, n_mels)
        y: Tensor = x + self.gain * self.out(attended)
        return y


class _Level(nn.Module):
    def __init__(self, channels_in: int, channels: int, time_channels: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = _Resnet(channels_in, channels, time_channels), _Resnet(channels, channels, time_channels)
        self.attention = _Attention(channels)

    def forward(self, x: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = self.attention(self.block_2(self.block_1(x, time, mask), time, mask))
        return y

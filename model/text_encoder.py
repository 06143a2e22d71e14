"""Phones to hidden vectors: embedding, convolutional prenet, transformer with rotary positions."""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor, nn

from model.alignment import Alignment
from model.batch import PADDING_PHONE
from model.layers import ConvBlock, SequenceConv, rotate
from model.prosody import N_TRACKS


class TextEncoder(nn.Module):
    """The text encoder of Grad-TTS (Popov et al. 2021, section 3.3) with rotary positions in place of relative ones.

    Parameters
    ----------
    n_phones
        Size of the phone table, `PADDING_PHONE` and `UNKNOWN_PHONE` included.
    channels
        Width; a multiple of ``2 * n_heads``.
    style_channels
        Width of the speaker and emotion vector that is added after the prenet.
    n_layers, n_heads
        Of the transformer.
    dropout
        Share of activations dropped in training, 0 .. 1.
    """

    def __init__(self, n_phones: int, channels: int, style_channels: int, n_layers: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_phones, channels, padding_idx=PADDING_PHONE)
        self.prenet = nn.ModuleList(ConvBlock(channels, channels, 5, dropout) for _ in range(2))
        self.style = nn.Linear(style_channels, channels)
        self.layers = nn.ModuleList(TransformerLayer(channels, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, phones: Tensor, style: Tensor) -> Tensor:
        """Hidden vectors of phones.

        Parameters
        ----------
        phones
            Phone ids, int64 of shape (B, L); `PADDING_PHONE` fills the end of rows.
        style
            Speaker and emotion, float of shape (B, 1 or L, style_channels).

        Returns
        -------
        Tensor
            Float of shape (B, L, channels), zero at padding.
        """
        mask = (phones != PADDING_PHONE).unsqueeze(-1).to(style.dtype)  # (B, L, 1)
        x = self.embedding(phones)  # (B, L, C)
        for block in self.prenet:
            x = x + block(x, mask)
        x = (x + self.style(style)) * mask
        for layer in self.layers:
            x = layer(x, mask)
        hidden: Tensor = self.norm(x) * mask
        return hidden


class TransformerLayer(nn.Module):
    """Attention and a convolutional feed-forward, each behind a layer norm and a residual."""

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.widen, self.narrow = SequenceConv(channels, 2 * channels, 3), SequenceConv(2 * channels, channels, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, L, C) float and (B, L, 1) of 0 and 1 -> (B, L, C)."""
        x = x + self.dropout(self._attend(self.norm_1(x), mask))
        wide = F.gelu(self.widen(self.norm_2(x), mask))  # (B, L, 2 C)
        y: Tensor = x + self.dropout(self.narrow(wide, mask))
        return y

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, channels = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)  # each (B, heads, L, C / heads)
        seen = (mask > 0).transpose(1, 2).unsqueeze(1)  # (B, 1, 1, L)
        places = torch.arange(length, device=x.device, dtype=torch.float32)
        y = F.scaled_dot_product_attention(rotate(q, places), rotate(k, places), v, attn_mask=seen)
        attended: Tensor = self.out(y.transpose(1, 2).reshape(batch, length, channels))
        return attended


class MuDecoder(nn.Module):
    """Hidden vectors at frames to mu, by convolutions that see where in its phone each frame lies.

    Grad-TTS holds mu constant over a phone. A mu that moves inside its phone leaves the diffusion less to do. A mu that sees prosody
    is a source and a filter: phones, tracks and style shape an envelope, and say how deep the given pitch's harmonics stand in each band.

    Parameters
    ----------
    channels
        Width of the hidden vectors.
    n_mels
        Mel bands.
    sees_prosody
        Whether mu follows the prosody tracks and harmonics, or the text alone.
    dropout
        Share of activations dropped in training, 0 .. 1.
    """

    def __init__(self, channels: int, n_mels: int, sees_prosody: bool, dropout: float) -> None:
        super().__init__()
        self.place = nn.Linear(3, channels)
        self.tracks = nn.Linear(N_TRACKS, channels) if sees_prosody else None
        self.blocks = nn.ModuleList(ConvBlock(channels, channels, 5, dropout) for _ in range(3))
        self.out = nn.Linear(channels, n_mels)
        self.depth = nn.Linear(channels, n_mels) if sees_prosody else None

    def forward(self, hidden: Tensor, alignment: Alignment, prosody_tracks: Tensor, harmonics: Tensor) -> Tensor:
        """Mu of each frame.

        Parameters
        ----------
        hidden
            The encoder's output at frames, float of shape (B, T, channels).
        alignment
            Where phones lie.
        prosody_tracks, harmonics
            From `model.prosody`: `tracks`, float of shape (B, T, N_TRACKS), and `ridge`, float of shape (B, T, n_mels).

        Returns
        -------
        Tensor
            float32 of shape (B, T, n_mels), normalised mel, zero at padding.
        """
        place = torch.stack([alignment.position, alignment.position.square(), alignment.log_duration], dim=-1)  # (B, T, 3)
        x = hidden + self.place(place)
        if self.tracks is not None:
            x = x + self.tracks(prosody_tracks)
        x = x * alignment.mask
        for block in self.blocks:
            x = x + block(x, alignment.mask)
        mu: Tensor = self.out(x).float()
        if self.depth is not None:
            mu = mu + self.depth(x).float() * harmonics
        return mu * alignment.mask

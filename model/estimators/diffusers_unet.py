"""The score network "diffuser": diffusers' `UNet2DConditionModel` behind the interface of `grad_unet`.

Sample channels are x_t, mu and the style image (speaker, emotion, PSD image as the hint); the emotion is also the class embedding, and the
style sequence is what cross-attention sees.
"""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own habit
from torch import Tensor, nn

from model.estimators.folding import folded, unfolded
from model.estimators.grad_unet import TIME_SCALE
from model.style import Style

N_GROUPS = 8
HEAD_CHANNELS = 16


class DiffusersUNet(nn.Module):
    """``score(x_t, t, mu, mask, style) -> noise``.

    Its convolutions and normalisations know no mask, so rows that are shorter than their batch go through it one at a time, cut to
    their own length: padding changes nothing, at the price of the batch.

    Parameters
    ----------
    channels
        Of the first level, doubled at each further one; a multiple of `HEAD_CHANNELS` and `N_GROUPS`.
    n_levels
        Resolutions; n_mels must divide by ``fold * 2 ** (n_levels - 1)``. The first is a `DownBlock2D`, the others attend.
    fold
        Mel bands that the first level takes together as channels.
    style_channels, sequence_channels, emotion_channels
        Channels of the style image, the style sequence and the emotion embedding.
    """

    def __init__(self, channels: int, n_levels: int, fold: int, style_channels: int, sequence_channels: int, emotion_channels: int) -> None:
        super().__init__()
        from diffusers import UNet2DConditionModel  # 4 s of CPU time: only where it is used

        attending = n_levels - 1
        self.unet = UNet2DConditionModel(
            in_channels=fold * (2 + style_channels),
            out_channels=fold,
            down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * attending),
            up_block_types=(*["CrossAttnUpBlock2D"] * attending, "UpBlock2D"),
            block_out_channels=tuple(channels * 2**level for level in range(n_levels)),
            layers_per_block=2,
            norm_num_groups=N_GROUPS,
            attention_head_dim=HEAD_CHANNELS,
            cross_attention_dim=sequence_channels,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=emotion_channels,
        )
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)
        self.stride = 2 ** (n_levels - 1)
        self.fold = fold

    def forward(self, x_t: Tensor, t: Tensor, mu: Tensor, mask: Tensor, style: Style) -> Tensor:
        """Predict; arguments and result as those of `GradUNet.forward`."""
        assert style.sequence is not None
        image = torch.cat([torch.stack([mu, x_t], dim=1), style.image], dim=1)  # (B, 2 + style_channels, T, M)
        if bool((mask > 0).all()):
            return self._noise(image, t, style.sequence, style.emotion)
        noise = torch.zeros_like(x_t)
        for row, length in enumerate(mask.sum(dim=(1, 2)).long().tolist()):
            one, cut = slice(row, row + 1), slice(0, length)
            emotion = style.emotion[one, cut] if style.emotion.shape[1] > 1 else style.emotion[one]
            noise[one, cut] = self._noise(image[one, :, cut], t[one], style.sequence[one, cut], emotion).to(noise.dtype)
        return noise

    def _noise(self, image: Tensor, t: Tensor, sequence: Tensor, emotion: Tensor) -> Tensor:
        """Rows of one length, (B, C, T, M) -> (B, T, M)."""
        n_frames = image.shape[2]
        padded = folded(F.pad(image, (0, 0, 0, -n_frames % self.stride)), self.fold)
        out: Tensor = self.unet(padded, TIME_SCALE * t, sequence, class_labels=emotion.mean(dim=1)).sample
        return unfolded(out, self.fold)[:, 0, :n_frames]

"""
The decoder: face values -> patch, small enough for a few milliseconds on one CPU core.

It does not paint pixels from nothing. It moves textures: the face at rest as a whole, and in the detail rectangle a few layers
(lips of the open mouth, upper teeth, lower teeth and tongue; or lids and eyeballs). A small convolutional net predicts how each is
moved, which layer is seen where, and a correction of colour. Skin grain, teeth and lip edges so keep the sharpness of the textures,
which are trained too.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from face_params import EYES_INPUTS, MOUTH_INPUTS
from regions import EYES, MOUTH, Region

# Index in geometry.PARTS
_SKIN, _UPPER, _LOWER, _TONGUE, _EYE_L, _EYE_R = range(6)
# Patch pixels that a flow output of 1 moves.
FLOW_PIXELS = 16.0
_DETAIL_FADE = 6.0


@dataclass(frozen=True)
class DetailLayer:
    """A moved texture of the detail rectangle: it begins as the ray-traced pose and shows these parts of the face."""

    pose: str
    parts: tuple[int, ...]


@dataclass(frozen=True)
class LayerConfig:
    name: str
    region: Region
    inputs: list[str]
    layers: tuple[DetailLayer, ...]
    # Channels of the seed and of the levels at 1/16, 1/8, 1/4 of the patch, and of the detail at 1/2.
    channels: tuple[int, int, int, int, int]


CONFIGS = {
    "mouth": LayerConfig(
        "mouth", MOUTH, MOUTH_INPUTS,
        (DetailLayer("aa", (_SKIN,)), DetailLayer("smile_080_E", (_UPPER,)), DetailLayer("aa", (_LOWER, _TONGUE))),
        (64, 64, 48, 24, 32),
    ),
    "eyes": LayerConfig(
        "eyes", EYES, EYES_INPUTS, (DetailLayer("blink_100", (_SKIN,)), DetailLayer("browsUp_080", (_EYE_L, _EYE_R))), (48, 48, 32, 20, 20)
    ),
}  # fmt: skip


class Decoder(nn.Module):
    """
    Input [B, inputs], output [B, 3, height, width], RGB 0..1.

    `rest`: [3, height, width], the patch of the face at rest; `textures`: [layers, 3, h, w], the detail rectangle of each layer's pose.
    """

    def __init__(self, config: LayerConfig, rest: torch.Tensor, textures: torch.Tensor) -> None:
        super().__init__()
        self.config = config
        region = config.region
        self.height, self.width = region.height, region.width
        self.left, self.top, self.detail_width, self.detail_height = region.detail
        c0, c1, c2, c3, c4 = config.channels
        n = len(config.layers)
        hidden = 96
        self.seed_shape = (c0, self.height // 32, self.width // 32)
        self.mix = nn.Sequential(nn.Linear(len(config.inputs), hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.seed = nn.Linear(hidden + len(config.inputs), c0 * self.seed_shape[1] * self.seed_shape[2])
        self.level1 = nn.Conv2d(c0, c1, 3, padding=1)
        self.level2 = nn.Conv2d(c1, c2, 3, padding=1)
        self.level3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.level4 = nn.Conv2d(c3, c3, 3, padding=1)
        self.whole = nn.Conv2d(c3, 5, 3, padding=1)
        self.detail1 = nn.Conv2d(c3, c4, 3, padding=1)
        self.detail2 = nn.Conv2d(c4, c4, 3, padding=1)
        self.detail3 = nn.Conv2d(c4, 2 * n + n + 1 + 12, 3, padding=1)
        for head in (self.whole, self.detail3):
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)
        self.rest = nn.Parameter(rest.clone()[None])
        self.textures = nn.Parameter(textures.clone())
        self.register_buffer("grid", self._identity(self.height, self.width), persistent=False)
        self.register_buffer("window", self._window(self.detail_height, self.detail_width), persistent=False)
        self.register_buffer("detail_grid", self._identity(self.detail_height, self.detail_width), persistent=False)

    @staticmethod
    def _window(height: int, width: int) -> torch.Tensor:
        """Share of the detail in the picture: it fades in over the first pixels from its border, [1, 1, h, w]."""
        fade = lambda n: ((torch.minimum(torch.arange(n) + 0.5, n - 0.5 - torch.arange(n))) / _DETAIL_FADE).clamp(0, 1)
        return (fade(height)[:, None] * fade(width)[None])[None, None]

    @staticmethod
    def _identity(height: int, width: int) -> torch.Tensor:
        """Positions for grid_sample (-1..1) of each pixel itself, [1, 2, h, w]."""
        y = (torch.arange(height) + 0.5) / height * 2 - 1
        x = (torch.arange(width) + 0.5) / width * 2 - 1
        return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]

    def motion(self, params: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Heads of the net: [B, 5, h / 4, w / 4] (flow, colour) and [B, 3 * layers + 13, dh / 2, dw / 2] (flows, logits, colour)."""
        up = lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.seed(torch.cat([self.mix(params), params], 1)).reshape(-1, *self.seed_shape)
        y, x0 = self.top // 4, self.left // 4
        # training runs the hidden levels in half precision; positions need more
        with torch.autocast(params.device.type, torch.bfloat16, enabled=self.training):
            x = F.silu(self.level1(up(F.silu(x))))
            x = F.relu(self.level2(up(x)))
            x = F.relu(self.level3(up(x)))
            x = F.relu(self.level4(x))
            d = x[:, :, y : y + self.detail_height // 4, x0 : x0 + self.detail_width // 4]
            d = F.relu(self.detail1(up(d)))
            d = F.relu(self.detail2(d))
        if self.training:
            x, d = x.float(), d.float()
        return self.whole(x), self.detail3(d)

    def forward(self, params: torch.Tensor) -> torch.Tensor:
        return self.compose(*self.motion(params))

    def compose(self, whole: torch.Tensor, detail: torch.Tensor) -> torch.Tensor:
        n = len(self.config.layers)
        batch = whole.shape[0]
        whole = F.interpolate(whole, scale_factor=4.0, mode="bilinear", align_corners=False)
        reach = whole.new_tensor([2 * FLOW_PIXELS / self.width, 2 * FLOW_PIXELS / self.height])[None, :, None, None]
        picture = _moved(self.rest.expand(batch, -1, -1, -1), self.grid + whole[:, :2] * reach) + whole[:, 2:]
        y, x = self.top, self.left
        base = picture[:, :, y : y + self.detail_height, x : x + self.detail_width]
        guides = F.interpolate(detail[:, : 3 * n + 1], scale_factor=2.0, mode="bilinear", align_corners=False)
        # a softmax over the layers, divided out at the end: onnxruntime's own over channels is slow
        share = guides[:, 2 * n :].clamp(-20, 20).exp()
        reach = whole.new_tensor([2 * FLOW_PIXELS / self.detail_width, 2 * FLOW_PIXELS / self.detail_height])[None, :, None, None]
        out = base * share[:, :1]
        total = share[:, :1]
        for i in range(n):
            texture = self.textures[i : i + 1].expand(batch, -1, -1, -1)
            out = out + share[:, i + 1 : i + 2] * _moved(texture, self.detail_grid + guides[:, 2 * i : 2 * i + 2] * reach)
            total = total + share[:, i + 1 : i + 2]
        out = out / total + F.pixel_shuffle(detail[:, 3 * n + 1 :], 2)
        if (self.detail_width, self.detail_height) != (self.width, self.height):
            border = (x, self.width - x - self.detail_width, y, self.height - y - self.detail_height)
            out = picture + F.pad((out - base) * self.window, border)
        return out.clamp(0, 1) if not self.training else out


def _moved(texture: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    return F.grid_sample(texture, positions.permute(0, 2, 3, 1), mode="bilinear", padding_mode="zeros", align_corners=False)


def flops(config: LayerConfig) -> float:
    """Floating-point operations of one patch's convolutions and matrices (a multiplication and an addition are two)."""
    model = Decoder(
        config, torch.zeros(3, config.region.height, config.region.width), torch.zeros(len(config.layers), 3, *config.region.detail[:1:-1])
    )
    total = 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += 2 * module.weight[0].numel() * out[0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    model.eval()(torch.zeros(1, len(config.inputs)))
    return float(total)

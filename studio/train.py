"""
Trains the decoder of a layer on the pairs made so far.

    python studio/train.py mouth --data DATA --out WORK --minutes 50

Writes WORK/train-LAYER/checkpoint.pt every few hundred steps and goes on from it; uses a GPU when there is one. The schedule runs
over the minutes given, so a longer run learns more slowly and ends better.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from decoder import CONFIGS, FLOW_PIXELS, Decoder, LayerConfig
from face_params import face_of_pose
from pairs import Pairs, open_data, traced_patch
from pictures import blur, load
from raster import sample

VALIDATION = 48
_BATCH = 12
# Of each batch, ray-traced pictures themselves: they have the shadows that warping can only blend.
_TRACED = 2
_RATE, _TEXTURE_RATE = 2.5e-3, 6e-4
# Weight in the loss of the pixels that vary most.
_BUSIEST = 9.0
# Weight added to teeth.
_TEETH = 12.0
# Guidance by geometry in the last 3/5 of the time, of 1 at the beginning.
_LEAST_GUIDANCE = 0.06
_EMA = 0.997
_CHECKPOINT_STEPS = 200


def inside(picture: torch.Tensor, config: LayerConfig) -> torch.Tensor:
    """
    Where a detail layer may be what the geometry says, [B, layers, h, w]. In strong mixtures teeth come through the chin in the
    geometry, not in the picture: what is light and coloured is skin or lip. The first layer is skin.
    """
    light, colour = picture.mean(1), picture.amax(1) - picture.amin(1)
    teeth_or_dark = ((light < 0.53) | (colour < 0.18)).float()
    layers = len(config.layers)
    return torch.stack([torch.ones_like(light) if _is_skin(config, k) else teeth_or_dark for k in range(layers)], 1)


def _is_skin(config: LayerConfig, layer: int) -> bool:
    return config.layers[layer].parts == (0,) or config.name == "eyes"


class Trainer:
    def __init__(self, config: LayerConfig, data: Path, out: Path, device: str) -> None:
        self.config, self.device = config, device
        self.folder = out / f"train-{config.name}"
        self.folder.mkdir(parents=True, exist_ok=True)
        region = config.region
        folder = out / f"pairs-{config.name}"
        self.count = (folder / "patch.u8").stat().st_size // (region.height * region.width * 3)
        self.pairs = Pairs(folder, config, self.count)
        start = self.folder / "start.npz"
        if not start.exists():
            self._prepare(data, start)
        with np.load(start) as known:
            self.mask = torch.tensor(known["mask"], device=device)
            rest, textures = (torch.tensor(known[k].astype(np.float32) / 255, device=device) for k in ("rest", "textures"))
            self.traced_inputs, self.traced_patches = known["traced_inputs"], known["traced_patches"]
        self.model = Decoder(config, rest, textures).to(device)
        self.average = copy.deepcopy(self.model).eval()
        textured = [self.model.rest, self.model.textures]
        others = [p for p in self.model.parameters() if all(p is not t for t in textured)]
        self.optimiser = torch.optim.Adam(
            [{"params": others, "share": _RATE}, {"params": textured, "share": _TEXTURE_RATE}], betas=(0.9, 0.98)
        )
        self.step, self.spent = 0, 0.0
        self.weight = ((self.mask > 0.02) * self._busy())[None, None]

    def _busy(self) -> torch.Tensor:
        """Weight of each pixel in the loss: 1 for still skin up to `_BUSIEST` where poses differ most (lips, teeth, lids)."""
        some = self.pairs.patch[: min(200, self.pairs.done)].astype(np.float32).mean(-1)
        spread = blur(some.std(0), 2.0)
        return torch.tensor(1 + (_BUSIEST - 1) * spread / spread.max(), device=self.device, dtype=torch.float32)

    def _prepare(self, data: Path, file: Path) -> None:
        """What training begins with: mask, textures and the ray-traced pictures of this layer."""
        config, region = self.config, self.config.region
        atlas = open_data(data)
        mask = region.mask(load(data / "base" / "mask_paste.png", "L").astype(np.float32) / 255)
        x, y, w, h = region.detail
        planes = lambda picture: np.clip(np.rint(picture), 0, 255).astype(np.uint8).transpose(2, 0, 1)
        textures = [
            planes(sample(atlas.sources[layer.pose].picture, region.pixels() - (atlas.x, atlas.y)))[:, y : y + h, x : x + w]
            for layer in config.layers
        ]
        names = atlas.group(config.name)
        faces = [face_of_pose(n, atlas.poses[n]) for n in names]
        inputs = np.array([[face.get(i, 0.0) for i in config.inputs] for face in faces], np.float32)
        patches = np.stack([planes(traced_patch(atlas, n, data, region)) for n in names])
        np.savez(file, mask=mask.astype(np.float32), rest=planes(atlas.render({}, region, 3)), textures=np.stack(textures),
                 traced_inputs=inputs, traced_patches=patches)  # fmt: skip

    def resume(self) -> None:
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent = state["step"], state["spent"]
        print(f"goes on at step {self.step}, after {self.spent / 60:.1f} min", flush=True)

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent,
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        known = self.pairs.done - VALIDATION
        i = np.sort(rng.integers(VALIDATION, VALIDATION + known, _BATCH - _TRACED))
        t = rng.integers(0, len(self.traced_inputs), _TRACED)
        inputs = np.concatenate([self.pairs.inputs[i], self.traced_inputs[t]])
        patch = np.concatenate([self.pairs.patch[i].transpose(0, 3, 1, 2), self.traced_patches[t]])
        put = lambda a: torch.from_numpy(np.ascontiguousarray(a)).to(self.device)
        return put(inputs), put(patch).float() / 255, put(self.pairs.coarse[i]).float(), put(self.pairs.fine[i]).float()

    def loss(
        self, params: torch.Tensor, patch: torch.Tensor, coarse: torch.Tensor, fine: torch.Tensor, guidance: float
    ) -> tuple[torch.Tensor, dict[str, float]]:
        whole, detail = self.model.motion(params)
        drawn = self.model.compose(whole, detail)
        weight = self.weight + self._teeth(patch)
        error = (drawn - patch) * weight
        scale = 1 / weight.mean()
        colour = error.abs().mean() * scale
        edges = ((error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()) * scale
        n, known = len(self.config.layers), len(coarse)
        seen = coarse[..., 2:] * (self.mask[::4, ::4] > 0.02)[None, ..., None]
        flow = (whole[:known, :2].permute(0, 2, 3, 1) - coarse[..., :2] / FLOW_PIXELS).abs() * seen
        guided = flow.mean()
        d = detail[:known]
        x, y, w, h = self.config.region.detail
        shows = fine[..., 2] * inside(patch[:known, :, y + 1 : y + h : 2, x + 1 : x + w : 2], self.config)

        def mean_where(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
            """Each part counts the same, however small: the lower teeth are a few pixels."""
            return (values * where).sum() / (where.sum() + 1)

        for k in range(n):
            way = (d[:, 2 * k : 2 * k + 2].permute(0, 2, 3, 1) - fine[:, k, ..., :2] / FLOW_PIXELS).abs().sum(-1)
            guided = guided + mean_where(way, shows[:, k])
        share = F.log_softmax(d[:, 2 * n : 3 * n + 1], 1)
        skin = torch.logaddexp(share[:, 0], share[:, 1])
        membership = -mean_where(skin, (shows[:, 1:].sum(1) == 0).float())
        for k in range(1, n):
            membership = membership - mean_where(share[:, k + 1], shows[:, k])
        total = colour + 0.7 * edges + guidance * (0.3 * guided + 0.02 * membership)
        return total, {
            "colour": colour.item() * 255,
            "edges": edges.item() * 255,
            "flow": guided.item() * FLOW_PIXELS,
            "parts": membership.item(),
        }

    def _teeth(self, patch: torch.Tensor) -> torch.Tensor:
        """More weight where teeth (or the white of the eyes) are, [B, 1, h, w]: few pixels, but what one looks at."""
        x, y, w, h = self.config.region.detail
        d = patch[:, :, y : y + h, x : x + w]
        pale = ((d.mean(1) > 0.33) & (d.mean(1) < 0.78) & (d.amax(1) - d.amin(1) < 0.16)).float()[:, None]
        rows = torch.arange(h, device=d.device)[None, None, :, None]
        near = F.max_pool2d(pale, 3, 1, 1) * ((rows > 4) & (rows < 0.75 * h) if self.config.name == "mouth" else 1)
        return _TEETH * F.pad(near, (x, patch.shape[3] - x - w, y, patch.shape[2] - y - h)) * (self.mask > 0.5)

    def validate(self) -> float:
        """PSNR in dB over the mask, of the averaged weights on pairs kept back."""
        with torch.no_grad():
            squared = 0.0
            for i in range(0, VALIDATION, 8):
                drawn = self.average(torch.tensor(self.pairs.inputs[i : i + 8], device=self.device))
                patch = torch.tensor(self.pairs.patch[i : i + 8].transpose(0, 3, 1, 2) / np.float32(255), device=self.device)
                squared += (((drawn - patch) ** 2) * (self.mask > 0.5)).sum().item()
        return float(-10 * np.log10(squared / (VALIDATION * 3 * (self.mask > 0.5).sum().item())))

    def run(self, minutes: float) -> None:
        rng = np.random.default_rng(self.step + 1)
        told, sums = time.time(), []
        while self.spent < minutes * 60:
            begun = time.time()
            progress = self.spent / (minutes * 60)
            warm = min(1.0, (self.step + 1) / 100)
            for group in self.optimiser.param_groups:
                group["lr"] = group["share"] * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            loss, parts = self.loss(*self.batch(rng), guidance=max(_LEAST_GUIDANCE, 1 - 2.5 * progress))
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            keep = min(_EMA, 1 - 1 / (self.step / 5 + 2))
            with torch.no_grad():
                for a, p in zip(self.average.parameters(), self.model.parameters()):
                    a.lerp_(p, 1 - keep)
            self.step += 1
            self.spent += time.time() - begun
            sums.append(parts)
            if self.step % _CHECKPOINT_STEPS == 0 or self.spent >= minutes * 60:
                self.save()
            if time.time() - told > 60:
                means = " ".join(f"{k} {np.mean([s[k] for s in sums]):.3f}" for k in parts)
                print(
                    f"step {self.step} {self.spent / 60:.1f} of {minutes:.0f} min: {means} | validation {self.validate():.2f} dB",
                    flush=True,
                )
                told, sums = time.time(), []
        print(f"done: step {self.step}, validation {self.validate():.2f} dB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("layer", choices=sorted(CONFIGS))
    parser.add_argument("--data", type=Path, required=True, help="folder with atlas/, base/ and geometry/")
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the pairs")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(CONFIGS[args.layer], args.data, args.out, device)
    trainer.resume()
    print(f"{args.layer} on {device}: {trainer.pairs.done} pairs", flush=True)
    trainer.run(args.minutes)


if __name__ == "__main__":
    main()

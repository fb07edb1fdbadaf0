"""
Makes training pairs of a layer: face values and the patch they look like, by exact warping of the ray-traced poses.

    python studio/pairs.py mouth --data DATA --out WORK --count 5000

Besides the patch each pair holds what the geometry knows: where every surface point lies in the textures of the decoder, and which
part of the face it belongs to. Stops and goes on where it was; `--count` may be raised later.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from atlas import Atlas
from decoder import CONFIGS, LayerConfig
from face_params import VISEME_GAIN, VISEMES, shape_weights
from geometry import Geometry
from pictures import load, smoothstep, to_bytes
from raster import locate, rasterise, sample
from regions import Region
from speech import random_speech, track

# Ray-traced poses that neither the warper nor the training sees: the quality report compares with them.
HELD_OUT = ("aa_055", "oh_055", "E_055", "CH_055", "mix_aa_ih", "mix_ou_PP", "mix_aa_nn", "mix_oh_E")
_CHUNK = 50
# What the supervision planes hold: see `knowledge`.
COARSE, FINE = 4, 2


def open_data(data: Path, without: tuple[str, ...] = HELD_OUT) -> Atlas:
    return Atlas(data / "atlas", Geometry(data / "geometry" / "face.npz"), without)


def draw_mouth(rng: np.random.Generator) -> dict[str, float]:
    """Face values as they occur: speech, single shapes, closures, mixtures; some with a smile or a lower jaw."""
    v = np.zeros(len(VISEMES))
    kind = rng.random()
    if kind < 0.56:
        speech = track(random_speech(rng, 1.2), 25, 1.2)
        v = speech[rng.integers(8, len(speech) - 4)] * VISEME_GAIN * rng.uniform(0.85, 1.05)
    elif kind < 0.70:
        v[rng.integers(1, len(VISEMES))] = rng.uniform(0.1, 1.1)
    elif kind < 0.86:
        i, j = rng.choice(np.arange(1, len(VISEMES)), 2, replace=False)
        share = rng.random()
        v[i], v[j] = np.array([share, 1 - share]) * rng.uniform(0.4, 1.1)
    elif kind < 0.93:
        share = rng.uniform(0.4, 1)
        v[VISEMES.index("PP")], v[rng.integers(1, len(VISEMES))] = share * 1.1, (1 - share) * 1.1
    elif kind < 0.98:
        v[1:] = rng.dirichlet(np.full(len(VISEMES) - 1, 0.4)) * rng.uniform(0.3, 1.1)
    face = {name: float(x) for name, x in zip(VISEMES[1:], v[1:])}
    if rng.random() < 0.35:
        face["smile"] = float(rng.uniform(0, 1))
    if rng.random() < 0.22:
        face["jaw"] = float(rng.uniform(0, 1) ** 1.3)
    return face


def draw_eyes(rng: np.random.Generator) -> dict[str, float]:
    face: dict[str, float] = {}
    if rng.random() < 0.55:
        face["blink"] = float(rng.choice([rng.uniform(0, 1), 1.0], p=[0.85, 0.15]))
    if rng.random() < 0.7:
        face["gaze_x"] = float(np.clip(rng.normal(0, 0.35), -1, 1))
        face["gaze_y"] = float(np.clip(rng.normal(0, 0.3), -1, 1))
    brows = rng.random()
    if brows < 0.4:
        face["brow_up"] = float(rng.uniform(0, 1))
    elif brows < 0.6:
        face["brow_down"] = float(rng.uniform(0, 1))
    if rng.random() < 0.3:
        face["smile"] = float(rng.uniform(0, 1))
    return face


def knowledge(atlas: Atlas, shapes: dict[str, float], config: LayerConfig) -> tuple[np.ndarray, np.ndarray]:
    """
    What the geometry says about a pose.

    First: float16 [h / 4, w / 4, 3], per 4 x 4 pixels of the patch the way (patch pixels) to the same point of skin at rest, and
    whether it is skin that is seen in both. Second, for the detail rectangle at half the patch's resolution:
    float16 [layers, h / 2, w / 2, 3], the way to the same point in each detail layer's texture and whether the layer may show it.
    """
    region = config.region
    x, y, width, height = region.detail

    def at(step: int, left: int, top: int, w: int, h: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        p = atlas.moved(shapes, region)
        target = p.copy()
        target[:, :2] = (region.to_patch(p[:, :2] + (atlas.x, atlas.y)) - (left, top)) / step
        owner, bary, _ = rasterise(target, atlas.triangles, w // step, h // step)
        rows, columns = np.mgrid[0 : h // step, 0 : w // step]
        own = (np.stack([columns, rows], -1) + 0.5) * step + (left, top)
        part = np.where(owner < 0, -1, atlas.triangle_part[np.maximum(owner, 0)])
        return owner, bary, own.astype(np.float32), part

    def way(pose: dict[str, float], planes: tuple) -> tuple[np.ndarray, np.ndarray]:
        owner, bary, own, _ = planes
        p = _in_patch(atlas, pose, region)
        depth = rasterise(p, atlas.triangles, region.width, region.height)[2]
        position, visible = locate(p, atlas.triangles, owner, bary, depth, own)
        return position - own, visible

    coarse = at(COARSE, 0, 0, region.width, region.height)
    moved, visible = way({}, coarse)
    first = np.concatenate([moved, ((visible > 0.6) & (coarse[3] == 0))[..., None]], -1).astype(np.float16)
    fine = at(FINE, x, y, width, height)
    second = []
    for layer in config.layers:
        moved, visible = way(atlas.poses[layer.pose], fine)
        known = np.isin(fine[3], layer.parts) & ((visible > 0.4) | (fine[3] != 0))
        second.append(np.concatenate([moved, known[..., None]], -1))
    return first, np.stack(second).astype(np.float16)


def _in_patch(atlas: Atlas, shapes: dict[str, float], region: Region) -> np.ndarray:
    p = atlas.moved(shapes, region)
    p[:, :2] = region.to_patch(p[:, :2] + (atlas.x, atlas.y))
    return p


def traced_patch(atlas: Atlas, name: str, folder: Path, region: Region) -> np.ndarray:
    """A ray-traced pose as a patch: the truth where it was traced, the warped rest around it."""
    crop = load(folder / "atlas" / f"{name}.png").astype(np.float32)
    s = 3
    fine = sample(crop, region.pixels(s) - (atlas.x, atlas.y))
    patch = fine.reshape(region.height, s, region.width, s, 3).mean((1, 3))
    p = region.pixels() - (atlas.x, atlas.y)
    left, top, right, bottom = atlas.traced[name]
    inside = np.minimum(np.minimum(p[..., 0] - left, right - p[..., 0]), np.minimum(p[..., 1] - top, bottom - p[..., 1]))
    share = smoothstep(2, 12, inside)[..., None]
    return share * patch + (1 - share) * atlas.render(atlas.poses[name], region, 2)


class Pairs:
    """Pairs on disk, memory-mapped. `folder` holds one set."""

    def __init__(self, folder: Path, config: LayerConfig, count: int) -> None:
        self.folder, self.config = folder, config
        folder.mkdir(parents=True, exist_ok=True)
        region = config.region
        _, _, dw, dh = region.detail
        mode = "r+" if (folder / "patch.u8").exists() else "w+"

        def plane(name: str, dtype: type, *shape: int) -> np.memmap:
            bytes_wanted = int(np.prod((count, *shape))) * np.dtype(dtype).itemsize
            file = folder / name
            if file.exists() and file.stat().st_size < bytes_wanted:
                with open(file, "r+b") as f:
                    f.truncate(bytes_wanted)
            return np.memmap(file, dtype, mode, shape=(count, *shape))

        self.inputs = plane("inputs.f32", np.float32, len(config.inputs))
        self.patch = plane("patch.u8", np.uint8, region.height, region.width, 3)
        self.coarse = plane("coarse.f16", np.float16, region.height // COARSE, region.width // COARSE, 3)
        self.fine = plane("fine.f16", np.float16, len(config.layers), dh // FINE, dw // FINE, 3)
        self._state = folder / "state.json"

    @property
    def done(self) -> int:
        return json.loads(self._state.read_text())["done"] if self._state.exists() else 0

    def finish(self, done: int) -> None:
        for plane in (self.inputs, self.patch, self.coarse, self.fine):
            plane.flush()
        self._state.write_text(json.dumps({"done": done}))


def make(config: LayerConfig, data: Path, out: Path, count: int, seed: int) -> None:
    atlas = open_data(data)
    pairs = Pairs(out / f"pairs-{config.name}", config, count)
    draw = draw_mouth if config.name == "mouth" else draw_eyes
    started, first = time.time(), pairs.done
    for i in range(first, count):
        face = draw(np.random.default_rng((seed, i)))
        shapes = shape_weights(face)
        pairs.inputs[i] = [face.get(name, 0.0) for name in config.inputs]
        pairs.patch[i] = to_bytes(atlas.render(shapes, config.region, 2))
        pairs.coarse[i], pairs.fine[i] = knowledge(atlas, shapes, config)
        if (i + 1) % _CHUNK == 0 or i + 1 == count:
            pairs.finish(i + 1)
            left = (time.time() - started) / (i + 1 - first) * (count - i - 1)
            print(f"{config.name}: {i + 1} of {count} pairs, {left / 60:.1f} min left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("layer", choices=sorted(CONFIGS))
    parser.add_argument("--data", type=Path, required=True, help="folder with atlas/, base/ and geometry/")
    parser.add_argument("--out", type=Path, required=True, help="work folder")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    make(CONFIGS[args.layer], args.data, args.out, args.count, args.seed)


if __name__ == "__main__":
    main()

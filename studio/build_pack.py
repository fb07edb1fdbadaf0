"""
Writes a pack: models, masks, clips, tracks, placements and manifest. LICENSE and PROVENANCE.md are written by hand beside them.

    python studio/build_pack.py --data DATA --out WORK --pack avatars/avatar_1
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from clips import render_clip
from decoder import CONFIGS
from export import export
from face_params import VISEME_GAIN
from geometry import Geometry
from head_motion import HeadMotion
from motion import CLIPS
from pack import PackLayer, session
from paste import GRID
from pictures import load, save

SIZE = 720
# Order of pasting.
LAYERS = ("mouth", "eyes")
# Nodes along a side of the head's motion: a nod drawn through them is 53 dB from one drawn from the depth itself.
HEAD_GRID = 49


def write_head(pack: Path, head: HeadMotion) -> dict:
    """How the head moves, and how it stands in every frame of the clips: for nods and for gliding between clips. Returns its manifest entry."""
    head.nodes(HEAD_GRID, SIZE).astype("<f4").tofile(pack / "tracks" / "head.f32")
    for clip, make in CLIPS.items():
        stances = [(s.yaw, s.pitch, s.roll, s.breath) for s in make().stances]
        np.array(stances, "<f4").tofile(pack / "tracks" / f"{clip}.head.f32")
    return {"grid": HEAD_GRID, "fields": "tracks/head.f32", "stances": {clip: f"tracks/{clip}.head.f32" for clip in CLIPS}}


def build(data: Path, out: Path, pack: Path, about: dict[str, str]) -> None:
    for folder in ("clips", "tracks", "models", "masks"):
        (pack / folder).mkdir(parents=True, exist_ok=True)
    changeable = load(data / "base" / "mask_paste.png", "L").astype(np.float32) / 255
    portrait = load(data / "base" / "portrait_1024.png").astype(np.float32)
    head = HeadMotion(data / "base", Geometry(data / "geometry" / "face.npz"))
    layers = []
    manifest_layers = []
    for name in LAYERS:
        config = CONFIGS[name]
        print(name, json.dumps(export(name, out, pack / "models" / f"{name}.onnx")), flush=True)
        save(pack / "masks" / f"{name}.png", 255 * config.region.mask(changeable))
        mask = load(pack / "masks" / f"{name}.png", "L").astype(np.float32) / 255
        drawn = PackLayer(name, config.inputs, VISEME_GAIN, mask, {}, session(pack / "models" / f"{name}.onnx"))
        layers.append((config.region, mask, drawn.draw))
        manifest_layers.append(
            {
                "name": name,
                "patch": {"width": config.region.width, "height": config.region.height},
                "mask": f"masks/{name}.png",
                "grid": GRID,
                "placements": {clip: f"tracks/{clip}.{name}.f32" for clip in CLIPS},
                "model": {"kind": "decoder", "file": f"models/{name}.onnx", "inputs": config.inputs, "viseme_gain": VISEME_GAIN},
            }
        )
    clips = {}
    for clip, make in CLIPS.items():
        motion = make()
        begun = time.time()

        def tell(done: int, clip: str = clip, begun: float = begun, total: int = len(motion.tracks)) -> None:
            if done % 50 == 0:
                print(f"{clip}: {done} of {total} frames, {(time.time() - begun) / done * (total - done):.0f} s left", flush=True)

        placements = render_clip(motion, head, portrait, layers, SIZE, pack / "clips" / f"{clip}.mp4", tell)
        motion.tracks.astype("<f4").tofile(pack / "tracks" / f"{clip}.f32")
        for name, rows in placements.items():
            rows.astype("<f4").tofile(pack / "tracks" / f"{clip}.{name}.f32")
        clips[clip] = {"file": f"clips/{clip}.mp4", "frames": len(motion.tracks), "tracks": f"tracks/{clip}.f32"}
    manifest = {"schema": 1, **about, "size": SIZE, "fps": 25, "clips": clips, "layers": manifest_layers, "head": write_head(pack, head)}
    (pack / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--data", type=Path, required=True, help="folder with atlas/, base/ and geometry/")
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the trainings")
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--id", default="avatar_1")
    parser.add_argument("--name", default="Anna")
    parser.add_argument(
        "--description", default="A computer-generated presenter in a navy blazer. She is nobody: face, hair and clothes are synthetic."
    )
    parser.add_argument("--licence", default="MIT")
    args = parser.parse_args()
    torch.set_num_threads(1)
    build(args.data, args.out, args.pack, {k: getattr(args, k) for k in ("id", "name", "description", "licence")})


if __name__ == "__main__":
    main()

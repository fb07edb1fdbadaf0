"""
Renders the atlas' crops, the portrait and what goes with it.

    python studio/scene/render.py crops    --assets ASSETS --skin SKIN.png --to DATA [--poses sil,aa] [--samples 40] [--scale 100]
    python studio/scene/render.py portrait --assets ASSETS --skin SKIN.png --to DATA [--samples 160]

What exists is not rendered again. `--scale`: percent of the full resolution, for a look.
"""

import argparse
import json
import time
from pathlib import Path

import bpy

from camera import SIZE, matrices
from person import Person
from poses import RECTANGLE, poses, traced
from scene import Scene


def settings(samples: int, scale: int, threads: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_percentage = scale
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    cycles = scene.cycles
    cycles.samples, cycles.use_adaptive_sampling = samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transparent_max_bounces = 6, 2, 2, 24
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect, cycles.sample_clamp_direct = 1.5, 5
    view = scene.view_settings
    view.view_transform, view.exposure = "Filmic", 0.15
    view.look = next(look for look in ("Filmic - Medium High Contrast", "Medium High Contrast") if _has_look(look))
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"


def _has_look(name: str) -> bool:
    view = bpy.context.scene.view_settings
    try:
        view.look = name
    except TypeError:
        return False
    return True


def render(file: Path, left: int, top: int, right: int, bottom: int) -> None:
    """A part of the portrait, in its pixels from the left upper corner."""
    scene = bpy.context.scene
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_min_x, scene.render.border_max_x = left / SIZE, right / SIZE
    scene.render.border_min_y, scene.render.border_max_y = 1 - bottom / SIZE, 1 - top / SIZE
    # written under another name first: an interrupted render leaves nothing that looks done
    part = file.with_name(f".{file.name}")
    scene.render.filepath = str(part)
    begun = time.time()
    bpy.ops.render.render(write_still=True)
    part.rename(file)
    print(f"{file.name}: {time.time() - begun:.0f} s", flush=True)


def crops(scene: Scene, person: Person, to: Path, names: list[str]) -> None:
    folder = to / "atlas"
    folder.mkdir(parents=True, exist_ok=True)
    x, y, width, height = RECTANGLE
    for name in names:
        file = folder / f"{name}.png"
        if file.exists():
            continue
        scene.set(poses()[name])
        render(file, x, y, x + width, y + height)
    k, r, t = matrices(person)
    about = {
        "image_size": [SIZE, SIZE], "rectangle": list(RECTANGLE), "size": [width, height], "poses": poses(),
        "traced": {name: traced(name) for name in poses()}, "camera": {"K": k.tolist(), "R": r.tolist(), "t": t.tolist()},
    }  # fmt: skip
    (folder / "atlas.json").write_text(json.dumps(about, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("what", choices=("crops", "portrait"))
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--skin", type=Path, required=True)
    parser.add_argument("--textures", type=Path, help="folder with the textures of teeth, tongue, lashes, brows and suit (ASSETS/tex)")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--poses", default=",".join(poses()))
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--strands", type=int, default=44_000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    person = Person(args.assets)
    scene = Scene(person, args.skin, args.textures or args.assets / "tex", args.strands)
    settings(args.samples, args.scale, args.threads)
    if args.what == "crops":
        crops(scene, person, args.to, args.poses.split(","))
    else:
        (args.to / "base").mkdir(parents=True, exist_ok=True)
        render(args.to / "base" / "portrait_1024.png", 0, 0, SIZE, SIZE)


if __name__ == "__main__":
    main()

"""
Writes what the clips need besides the portrait: depth, share of a head turn, and where pictures of the face may differ.

    python studio/scene/make_base.py --assets ASSETS --skin SKIN.png --to DATA
"""

import argparse
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from camera import SIZE, matrices
from person import Person, to_metres
from poses import poses
from scene import Scene

# Of the 16-bit depth picture, units a metre.
_DEPTH_UNITS = 20_000
# Metres that a point must move in some pose to belong to the face that changes, and pixels by which its area grows.
_MOVES, _GROWN = 0.0002, 3


def see(scene: Scene, person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per pixel: depth in metres (0 where there is nothing), share of a head turn, and how far the skin there moves at most."""
    body = person.at({})
    moves = np.zeros(len(body))
    for shapes in poses().values():
        moves = np.maximum(moves, np.linalg.norm(to_metres(person.at(shapes) - body), axis=1))
    k, r, t = matrices(person)
    eye = Vector(-r.T @ t)
    graph = bpy.context.evaluated_depsgraph_get()
    used = scene.body_vertices
    corners = to_metres(body[used])
    depth, share, moved = np.zeros((3, SIZE, SIZE), np.float32)
    for y in range(SIZE):
        for x in range(SIZE):
            ray = r.T @ np.array(((x + 0.5 - k[0, 2]) / k[0, 0], (y + 0.5 - k[1, 2]) / k[1, 1], 1.0))
            hit, at, _, _, found, _ = bpy.context.scene.ray_cast(graph, eye, Vector(ray))
            if not hit:
                continue
            depth[y, x] = (r @ np.array(at) + t)[2]
            if found.name == "suit":
                continue
            nearest = used[scene.nearest_body(np.array(at), corners)]
            share[y, x], moved[y, x] = person.head_share[nearest], moves[nearest]
        if y % 100 == 99:
            print(f"{y + 1} of {SIZE} rows", flush=True)
    return depth, share, moved


def spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Into what is not known, from near to far and ever less: a head that turns takes a soft part of the background along."""
    out, filled = np.where(known, values, 0), known.copy()
    for reach, kept in ((4, 1.0), (16, 0.9), (64, 0.6), (256, 0.2)):
        weight, sum_ = filled.astype(np.float64), np.where(filled, out, 0.0)
        for axis in (0, 1):
            weight, sum_ = _box(weight, reach, axis), _box(sum_, reach, axis)
        new = ~filled & (weight > 0.02)
        out[new] = kept * sum_[new] / weight[new]
        filled |= new
    return out


def _box(values: np.ndarray, reach: int, axis: int) -> np.ndarray:
    padded = np.pad(values, [(reach + 1, reach) if i == axis else (0, 0) for i in range(2)])
    sums = np.cumsum(padded, axis)
    n = values.shape[axis]
    return (np.take(sums, np.arange(n) + 2 * reach + 1, axis) - np.take(sums, np.arange(n), axis)) / (2 * reach + 1)


def write_grey(file: Path, values: np.ndarray, maximum: int) -> None:
    """8 or 16 bit PNG without any colour management."""
    image = bpy.data.images.new(file.stem, values.shape[1], values.shape[0], float_buffer=maximum > 255, is_data=True)
    pixels = np.ones((*values.shape, 4), np.float32)
    pixels[..., :3] = (np.clip(np.rint(values), 0, maximum) / maximum)[::-1, :, None]
    image.pixels.foreach_set(pixels.ravel())
    options = bpy.context.scene.render.image_settings
    options.file_format, options.color_mode, options.color_depth = "PNG", "BW", "16" if maximum > 255 else "8"
    bpy.context.scene.view_settings.view_transform = "Raw"
    image.save_render(str(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--skin", type=Path, required=True)
    parser.add_argument("--textures", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    person = Person(args.assets)
    scene = Scene(person, args.skin, args.textures or args.assets / "tex", 0)
    depth, share, moved = see(scene, person)
    base = args.to / "base"
    base.mkdir(parents=True, exist_ok=True)
    write_grey(base / "depth_1024.png", depth * _DEPTH_UNITS, 65_535)
    write_grey(base / "head_weight.png", 255 * spread(share, depth > 0), 255)
    changes = (moved > _MOVES).astype(np.float64)
    for axis in (0, 1):
        changes = _box(changes, _GROWN, axis)
    write_grey(base / "mask_paste.png", 255 * (changes > 0), 255)


if __name__ == "__main__":
    main()

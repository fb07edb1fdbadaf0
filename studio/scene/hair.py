"""Hair: strands that leave the scalp at the parting, lie over the head and fall to the shoulders."""

import gzip
import json

import bpy
import numpy as np

from person import Person, to_metres

# Points of a strand; its length and thickness, metres.
_POINTS, _LENGTH, _RADIUS = 20, (0.28, 0.36), 0.000105
# x of the parting, metres; the strands' height over the skin; how far they wave.
_PARTING, _LIFT, _WAVE = 0.02, 0.010, 0.004
# Locks share their waves.
_LOCKS = 400
# Metres that hair keeps from the middle of the face once it is so far below its highest point, and how far it is combed back there.
_FACE_HALF, _FACE_BELOW, _FACE_BACK = 0.086, (0.035, 0.105), 0.055
# Hairline on the unmorphed body: height (decimetres) and the z in front of which there is skin.
_LINE_Y = (6.6, 7.0, 7.22, 7.4, 7.55, 7.69, 7.79, 7.87, 7.94)
_LINE_Z = (0.22, 0.36, 0.50, 0.62, 0.72, 0.86, 1.05, 1.30, 1.80)


def _scalp_faces(person: Person) -> list[int]:
    file = person.assets / "mpfb" / "src" / "mpfb" / "data" / "uv_layers" / "scalp_solid.json.gz"
    with gzip.open(file, "rt") as text:
        return [int(face) for face in json.load(text)]


def scalp_share(person: Person) -> np.ndarray:
    """How much of the hair grows at each vertex, 0..1: the asset's scalp, cut by a hairline."""
    base = person.body.vertices
    share = np.zeros(len(base))
    share[np.unique(np.concatenate([np.array(person.body.faces[face]) for face in _scalp_faces(person)]))] = 1
    behind = np.interp(base[:, 1], _LINE_Y, _LINE_Z) - base[:, 2]
    return share * np.clip(0.5 + behind / 0.32, 0, 1)


def add_hair(person: Person, rest: np.ndarray, material: bpy.types.Material, strands: int) -> None:
    rng = np.random.default_rng(7)
    roots, normals = _roots(person, rest, strands, rng)
    points = _comb(roots, normals, rng)
    curves = bpy.data.hair_curves.new("hair")
    curves.add_curves([_POINTS] * len(points))
    curves.position_data.foreach_set("vector", points.astype(np.float32).ravel())
    thickness = np.repeat((_RADIUS * np.linspace(1, 0.4, _POINTS))[None], len(points), 0)
    curves.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", thickness.astype(np.float32).ravel())
    curves.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("hair", curves))


def _roots(person: Person, rest: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([person.body.faces[face][:4] for face in _scalp_faces(person) if len(person.body.faces[face]) == 4])
    points = to_metres(rest)
    quads = points[corners]
    across = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    weight = np.linalg.norm(across, axis=1) * scalp_share(person)[corners].mean(1)
    chosen = rng.choice(len(quads), count, p=weight / weight.sum())
    u, v = rng.random((2, count, 1))
    q = quads[chosen]
    roots = (1 - v) * ((1 - u) * q[:, 0] + u * q[:, 1]) + v * ((1 - u) * q[:, 3] + u * q[:, 2])
    return roots, across[chosen] / np.linalg.norm(across[chosen], axis=1, keepdims=True)


def _comb(roots: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[strands, points, 3]. The head is an ellipsoid about the roots, wide enough below that hair hangs clear of neck and jaw."""
    centre = np.array((roots[:, 0].mean(), roots[:, 1].mean() + 0.004, np.quantile(roots[:, 2], 0.35)))
    half = np.array((np.abs(roots[:, 0] - centre[0]).max(), np.abs(roots[:, 1] - centre[1]).max(), roots[:, 2].max() - centre[2]))
    side = np.where(roots[:, 0] > _PARTING, 1.0, -1.0)[:, None]
    lock = rng.integers(0, _LOCKS, len(roots))
    phase, pace, swing = rng.random((3, _LOCKS))
    phase *= 2 * np.pi
    step = (rng.uniform(*_LENGTH, len(roots)) / (_POINTS - 1))[:, None]
    lift = 1 + (_LIFT * rng.uniform(0.3, 1.0, len(roots)) / half.mean())
    direction = 0.5 * normals + side * (0.8, 0, 0) + (0, 0.55, 0.2)
    points, here = [roots], roots
    for i in range(1, _POINTS):
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        here = here + step * direction
        out = (here - centre) / half
        # below the ears the head's outline goes straight down
        out[:, 2] = np.maximum(out[:, 2], 0)
        depth = np.linalg.norm(out, axis=1)
        inside = depth < lift
        push = np.where(inside, lift / np.maximum(depth, 1e-3), 1)[:, None]
        pushed = centre + (here - centre) * push
        pushed[:, 2] = np.where(here[:, 2] < centre[2], here[:, 2], pushed[:, 2])
        wave = _WAVE * (i / _POINTS) * np.sin(phase[lock] + (4 + 3 * pace[lock]) * i / _POINTS * np.pi)
        here = _off_the_face(pushed, side, centre, roots[:, 2].max())
        points.append(here + np.stack([wave * (0.5 + swing[lock]), wave, np.zeros_like(wave)], 1))
        direction = 0.72 * (here - points[-2] if i == 1 else direction) + np.array((0, 0, -0.34)) + 0.05 * side * (1, 0, 0)
    return np.stack(points, 1)


def _off_the_face(points: np.ndarray, side: np.ndarray, centre: np.ndarray, top: float) -> np.ndarray:
    """Sideways and back as they come down beside the forehead."""
    share = np.clip((top - points[:, 2] - _FACE_BELOW[0]) / (_FACE_BELOW[1] - _FACE_BELOW[0]), 0, 1)
    share = share * share * (3 - 2 * share)
    out = points.copy()
    away = side[:, 0] * (points[:, 0] - centre[0])
    out[:, 0] = centre[0] + side[:, 0] * np.maximum(away, share * _FACE_HALF)
    out[:, 1] = np.maximum(points[:, 1], points[:, 1] * (1 - share) + share * (centre[1] - _FACE_BACK))
    return out

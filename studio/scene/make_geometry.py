"""
Writes face.npz: where every point of the face is for any shape weights (the arrays that studio/geometry.py reads).

    python studio/scene/make_geometry.py --assets ASSETS --to DATA/geometry/face.npz
"""

import argparse
from pathlib import Path

import bpy
import numpy as np

from camera import matrices
from person import Person, to_metres
from smooth import SmoothMesh

# Metres behind which the skin is not part of the face, and decimetres to the side.
_BACK, _SIDE = 0.045, 1.25
# Degrees that eyeLookOut or eyeLookUp at 1 turn the eye.
EYE_LOOK_DEGREES = (28.0, 24.0)
# Rings and spokes of an eyeball, and how far round from the pupil it goes.
_RINGS, _SPOKES, _ROUND = 24, 36, 0.62 * np.pi
PARTS = ("skin", "teeth_upper", "teeth_lower", "tongue")


def eyeball(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices about the eye's centre, looking along -y, and triangles."""
    angle, spoke = np.meshgrid(np.linspace(1e-3, _ROUND, _RINGS + 1), 2 * np.pi * np.arange(_SPOKES) / _SPOKES, indexing="ij")
    points = radius * np.stack([np.sin(angle) * np.cos(spoke), -np.cos(angle), np.sin(angle) * np.sin(spoke)], -1)
    ring, i = (grid.ravel() for grid in np.meshgrid(np.arange(_RINGS), np.arange(_SPOKES), indexing="ij"))
    a, b = ring * _SPOKES + i, ring * _SPOKES + (i + 1) % _SPOKES
    return points.reshape(-1, 3), np.concatenate([np.stack([a, b, b + _SPOKES], 1), np.stack([a, b + _SPOKES, a + _SPOKES], 1)])


class FaceMeshes:
    """Skin, teeth and tongue as smooth surfaces."""

    def __init__(self, person: Person) -> None:
        self._person = person
        rest = person.at({})
        metres = to_metres(rest)
        faces = [
            face
            for face, group in zip(person.body.faces, person.body.groups)
            if group == "body"
            and person.head_share[face].min() > 0
            and metres[face, 1].min() < _BACK
            and np.abs(person.neutral[face, 0]).max() < _SIDE
        ]
        self._skin = SmoothMesh("skin", faces, metres)
        self._fitted = {
            name: SmoothMesh(name, person.parts[name].obj.faces, to_metres(person.part(name, rest))) for name in ("teeth", "tongue")
        }
        still, open_ = self._surfaces({}), self._surfaces({"jawOpen": 1.0})
        moved = np.linalg.norm(open_["teeth"] - still["teeth"], axis=1)
        lower = (moved > moved.max() / 2)[self._fitted["teeth"].triangles].all(1)
        self.triangles = {"skin": self._skin.triangles, "tongue": self._fitted["tongue"].triangles}
        self._rows = {}
        for name, kept in (("teeth_upper", ~lower), ("teeth_lower", lower)):
            rows, inverse = np.unique(self._fitted["teeth"].triangles[kept], return_inverse=True)
            self._rows[name], self.triangles[name] = rows, inverse.reshape(-1, 3)

    def _surfaces(self, shapes: dict[str, float]) -> dict[str, np.ndarray]:
        body = self._person.at(shapes)
        found = {name: mesh.at(to_metres(self._person.part(name, body))) for name, mesh in self._fitted.items()}
        return found | {"skin": self._skin.at(to_metres(body))}

    def at(self, shapes: dict[str, float]) -> dict[str, np.ndarray]:
        surfaces = self._surfaces(shapes)
        return {name: surfaces["teeth"][self._rows[name]] if name in self._rows else surfaces[name] for name in PARTS}


def face_geometry(person: Person) -> dict[str, np.ndarray]:
    k, r, t = matrices(person)
    meshes = FaceMeshes(person)
    rest = meshes.at({})
    deltas: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    shapes = []
    for i, shape in enumerate(person.shapes):
        moved = meshes.at({shape: 1.0})
        shapes.append(shape)
        for part in PARTS:
            deltas[part].append((moved[part] - rest[part]).astype(np.float16))
        if i % 10 == 9:
            print(f"{i + 1} of {len(person.shapes)} shapes", flush=True)
    out = {"K": k, "R": r, "t": t, "shapes": np.array(shapes), "neck_joint": to_metres(person.neck[None])[0],
           "eye_look_degrees": np.array(EYE_LOOK_DEGREES)}  # fmt: skip
    for part in PARTS:
        out |= {
            f"{part}_v": rest[part].astype(np.float32),
            f"{part}_tri": meshes.triangles[part].astype(np.int32),
            f"{part}_d": np.stack(deltas[part]),
        }
    for side in "lr":
        centre, radius = person.eye(side)
        local, triangles = eyeball(radius)
        # she looks at a point three metres before her
        aim = np.array((0, -3, centre[2])) - centre
        aim /= np.linalg.norm(aim)
        out |= {f"eye_{side}_local": local.astype(np.float32), f"eye_{side}_tri": triangles.astype(np.int32), f"eye_{side}_centre": centre,
                f"eye_{side}_rest_yaw_pitch": np.array([np.arctan2(aim[0], -aim[1]), np.arcsin(aim[2])])}  # fmt: skip
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    args.to.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.to, **face_geometry(Person(args.assets)))


if __name__ == "__main__":
    main()

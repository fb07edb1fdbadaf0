"""Reads the public assets: Wavefront OBJ, MakeHuman's .target (a morph) and .mhclo (a mesh fitted to the body). Decimetres, y up, z to the front."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Obj:
    vertices: np.ndarray  # [n, 3]
    uvs: np.ndarray  # [m, 2]
    faces: list[list[int]]
    face_uvs: list[list[int]]
    groups: list[str]  # one a face


def _lines(file: Path) -> Iterator[str]:
    packed = file.with_name(file.name + ".gz")
    source = packed if not file.exists() and packed.exists() else file
    with gzip.open(source, "rt", errors="replace") if source.suffix == ".gz" else source.open(errors="replace") as text:
        yield from text


def read_obj(file: Path) -> Obj:
    vertices, uvs, faces, face_uvs, groups, group = [], [], [], [], [], ""
    for line in _lines(file):
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(v) for v in values[:3]])
        elif kind == "vt":
            uvs.append([float(v) for v in values[:2]])
        elif kind == "g":
            group = values[0] if values else ""
        elif kind == "f":
            corners = [value.split("/") for value in values]
            faces.append([int(corner[0]) - 1 for corner in corners])
            face_uvs.append([int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners])
            groups.append(group)
    return Obj(np.array(vertices), np.array(uvs).reshape(-1, 2), faces, face_uvs, groups)


@dataclass
class Target:
    """What a morph adds to some vertices."""

    index: np.ndarray
    delta: np.ndarray

    def add_to(self, vertices: np.ndarray, weight: float) -> None:
        vertices[self.index] += weight * self.delta


def read_target(file: Path) -> Target:
    rows = [parts for parts in (line.split() for line in _lines(file)) if len(parts) == 4 and parts[0].isdigit()]
    return Target(np.array([int(row[0]) for row in rows], int), np.array([[float(v) for v in row[1:]] for row in rows]).reshape(-1, 3))


@dataclass
class Fitted:
    """A mesh each of whose vertices hangs on a triangle of the body."""

    obj: Obj
    corners: np.ndarray  # [n, 3] body vertices
    shares: np.ndarray  # [n, 3]
    offsets: np.ndarray  # [n, 3]
    # Axis -> two body vertices and the distance at which offsets hold as they are.
    scales: dict[int, tuple[int, int, float]] = field(default_factory=dict)
    # Body vertices that it covers.
    hidden: list[int] = field(default_factory=list)

    def on(self, body: np.ndarray) -> np.ndarray:
        scale = np.ones(3)
        for axis, (a, b, distance) in self.scales.items():
            scale[axis] = abs(body[a, axis] - body[b, axis]) / distance
        return (body[self.corners] * self.shares[..., None]).sum(1) + self.offsets * scale


def read_fitted(file: Path) -> Fitted:
    rows: list[tuple[list[int], list[float], list[float]]] = []
    scales: dict[int, tuple[int, int, float]] = {}
    hidden: list[int] = []
    obj_file, section = "", ""
    for line in _lines(file):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = words[0]
        if key == "obj_file":
            obj_file = words[1]
        elif key in ("x_scale", "y_scale", "z_scale"):
            scales["xyz".index(key[0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif key in ("verts", "delete_verts"):
            section = key
        elif section == "verts" and len(words) == 1 and key.isdigit():
            rows.append(([int(key)] * 3, [1.0, 0.0, 0.0], [0.0] * 3))
        elif section == "verts" and len(words) >= 9 and key.isdigit():
            rows.append(([int(v) for v in words[:3]], [float(v) for v in words[3:6]], [float(v) for v in words[6:9]]))
        elif section == "delete_verts":
            hidden += _ranges(words)
        else:
            section = ""
    obj = read_obj(file.parent / obj_file)
    rows = rows[: len(obj.vertices)]
    return Fitted(obj, np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), np.array([r[2] for r in rows]), scales, hidden)


def _ranges(words: list[str]) -> list[int]:
    """'3 5 - 7' -> [3, 5, 6, 7]"""
    out: list[int] = []
    words = " ".join(words).replace("-", " - ").split()
    for i, word in enumerate(words):
        if word.isdigit():
            out += range(out[-1] + 1, int(word) + 1) if i > 1 and words[i - 1] == "-" else [int(word)]
    return out

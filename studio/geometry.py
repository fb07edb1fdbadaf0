"""The face's geometry: vertices for any shape weights and head turn, and where the camera sees them. Reads face.npz (see README)."""

from pathlib import Path

import numpy as np

# Parts that are drawn by warping, in the order of their vertices. Lashes and brows are painted on the skin and move with it.
PARTS = ["skin", "teeth_upper", "teeth_lower", "tongue", "eye_l", "eye_r"]


def rotate(points: np.ndarray, centre: np.ndarray, axis: tuple[float, float, float], radians: np.ndarray) -> np.ndarray:
    """Points [n, 3] turned about an axis through `centre`, each by its own angle [n] (Rodrigues' formula)."""
    k = np.asarray(axis, np.float64)
    p = points - centre
    c, s = np.cos(radians)[:, None], np.sin(radians)[:, None]
    return centre + p * c + np.cross(k, p) * s + (p @ k)[:, None] * k * (1 - c)


class Geometry:
    """Metres; x to the picture's right, y away from the camera, z up."""

    def __init__(self, file: Path | str) -> None:
        with np.load(file) as data:
            self._data = {name: data[name] for name in data.files}
        d = self._data
        self.camera_k, self.camera_r, self.camera_t = d["K"], d["R"], d["t"]
        self.neck_joint = d["neck_joint"]
        self._index = {str(name): i for i, name in enumerate(d["shapes"])}
        self._deltas = {part: d[part + "_d"].astype(np.float32) for part in PARTS[:4]}
        rest = self.vertices({})
        self.part_sizes = [len(rest[part]) for part in PARTS]
        starts = np.cumsum([0, *self.part_sizes])
        self.triangles = np.concatenate([d[part + "_tri"] + start for part, start in zip(PARTS, starts)]).astype(np.int32)
        self.triangle_part = np.repeat(np.arange(len(PARTS)), [len(d[part + "_tri"]) for part in PARTS])
        self.rest = np.concatenate([rest[part] for part in PARTS])

    def vertices(self, shapes: dict[str, float]) -> dict[str, np.ndarray]:
        """Shape weights -> {part: [n, 3]}. Unknown shapes are an error: a misspelt one would go unseen."""
        d = self._data
        out = {}
        for part in PARTS[:4]:
            v = d[part + "_v"].astype(np.float64)
            for name, weight in shapes.items():
                v += weight * self._deltas[part][self._index[name]]
            out[part] = v
        sideways, upwards = np.radians(d["eye_look_degrees"])
        for side, suffix, sign in (("l", "Left", 1), ("r", "Right", -1)):
            look = lambda way: shapes.get(f"eyeLook{way}{suffix}", 0.0)
            yaw, pitch = d[f"eye_{side}_rest_yaw_pitch"]
            yaw = yaw + sideways * sign * (look("Out") - look("In"))
            pitch = pitch + upwards * (look("Up") - look("Down"))
            local = d[f"eye_{side}_local"].astype(np.float64)
            n = len(local)
            zero = np.zeros(3)
            turned = rotate(rotate(local, zero, (1, 0, 0), np.full(n, -pitch)), zero, (0, 0, 1), np.full(n, yaw))
            out[f"eye_{side}"] = turned + d[f"eye_{side}_centre"]
        return out

    def points(self, shapes: dict[str, float]) -> np.ndarray:
        """All drawn vertices in the order of `triangles`, [n, 3]."""
        v = self.vertices(shapes)
        return np.concatenate([v[part] for part in PARTS])

    def project(self, points: np.ndarray) -> np.ndarray:
        """[n, 3] metres -> [n, 3]: x and y in pixels of the 1024 portrait, depth in metres."""
        c = points @ self.camera_r.T + self.camera_t
        k = self.camera_k
        return np.stack([k[0, 0] * c[:, 0] / c[:, 2] + k[0, 2], k[1, 1] * c[:, 1] / c[:, 2] + k[1, 2], c[:, 2]], 1)

    def unproject(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Inverse of `project`: [n, 2] pixels and [n] metres -> [n, 3]."""
        k = self.camera_k
        c = np.stack([(pixels[:, 0] - k[0, 2]) / k[0, 0] * depth, (pixels[:, 1] - k[1, 2]) / k[1, 1] * depth, depth], 1)
        return (c - self.camera_t) @ self.camera_r

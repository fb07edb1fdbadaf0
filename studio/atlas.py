"""
The face in any pose: ray-traced pictures carried over by the exact motion of the geometry and blended.

A pixel of the wanted picture shows a point of the surface; the geometry tells where that point lies in each ray-traced pose
and whether it is seen there. A few poses whose shapes together come nearest to the wanted one are blended.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.optimize import nnls

from geometry import Geometry
from pictures import blur, load
from raster import gather, locate, rasterise
from regions import Region

# Price of using a pose, per squared pixel of its distance, and pixels added to every distance: measured on poses left out.
_DISTANCE_PRICE, _SOFTNESS = 0.3, 0.6
_SUM_IS_ONE = 1e3
_MOST_POSES = 9
_EYE_POSES = ("blink", "browsUp", "browDown", "look")


@dataclass
class Source:
    """One ray-traced crop."""

    name: str
    shapes: dict[str, float]
    picture: np.ndarray  # float32 [h, w, 3], 0..255
    background: np.ndarray  # the same without the face: what is behind it, continued inwards
    vertices: np.ndarray  # projection, pixels of the crop
    depth: np.ndarray


class Atlas:
    """`folder`: atlas.json and the crops; `without`: poses to leave out (kept for judging)."""

    def __init__(self, folder: Path | str, geometry: Geometry, without: tuple[str, ...] = ()) -> None:
        folder = Path(folder)
        index = json.loads((folder / "atlas.json").read_text())
        self.geometry = geometry
        self.poses: dict[str, dict[str, float]] = index["poses"]
        self.x, self.y, self.width, self.height = index["rectangle"]
        self.traced: dict[str, list[int]] = index["traced"]
        self.sources: dict[str, Source] = {}
        self._rest = self._project(geometry.points({}))
        inside = (
            (self._rest[:, 0] > -60)
            & (self._rest[:, 0] < self.width + 60)
            & (self._rest[:, 1] > -80)
            & (self._rest[:, 1] < self.height + 80)
        )
        keep = inside[geometry.triangles].any(1)
        self.triangles = np.ascontiguousarray(geometry.triangles[keep])
        self.triangle_part = geometry.triangle_part[keep]
        for name, shapes in self.poses.items():
            if name not in without:
                self.sources[name] = self._source(folder, name, shapes)
        skin = np.arange(len(self._rest)) < geometry.part_sizes[0]
        x, y = self._rest[:, 0], self._rest[:, 1]
        front = skin & (geometry.rest[:, 1] < -0.03) & (x > 0) & (x < self.width)
        eye_poses = [n for n in self.sources if n.startswith(_EYE_POSES)]
        self._known: dict[str, np.ndarray] = {}
        self._groups = {
            "mouth": (
                [n for n in self.sources if n not in eye_poses],
                np.flatnonzero(front & (x > 105) & (x < 310) & (y > 190) & (y < 330)),
            ),
            "eyes": (["sil", *eye_poses], np.flatnonzero(front & (y > 20) & (y < 150))),
        }

    def _project(self, points: np.ndarray) -> np.ndarray:
        p = self.geometry.project(points)
        p[:, :2] -= (self.x, self.y)
        return np.ascontiguousarray(p, np.float32)

    def _source(self, folder: Path, name: str, shapes: dict[str, float]) -> Source:
        picture = load(folder / f"{name}.png").astype(np.float32)
        vertices = self._project(self.geometry.points(shapes))
        depth = rasterise(vertices, self.triangles, self.width, self.height)[2]
        near_face = blur((depth < 1e8).astype(np.float32), 1.5) > 0.02
        rows, columns = distance_transform_edt(near_face, return_distances=False, return_indices=True)
        return Source(name, shapes, picture, np.ascontiguousarray(picture[rows, columns]), vertices, depth)

    def _shape_of(self, shapes: dict[str, float], group: str) -> np.ndarray:
        """What poses are compared by: projected points of the region, for the eyes also where they look, in pixels."""
        chosen = self._groups[group][1]
        points = self._project(self.geometry.points(shapes))[chosen, :2].ravel() / np.sqrt(len(chosen))
        if group == "mouth":
            return points
        get = shapes.get
        gaze = [get("eyeLookOutLeft", 0) - get("eyeLookInLeft", 0), get("eyeLookUpLeft", 0) - get("eyeLookDownLeft", 0)]
        return np.concatenate([points, 40.0 * np.array(gaze)])

    def group(self, name: str) -> list[str]:
        """Names of the poses that show a region ('mouth' or 'eyes') in different states."""
        return self._groups[name][0]

    def mixture(self, shapes: dict[str, float], group: str) -> list[tuple[Source, float]]:
        """
        The poses to blend and their shares (>= 0, sum 1): the blend's shape comes near the wanted one, and each pose is near it too.

        Non-negative least squares with a price on distance; the weakest shares are cut so that they reach zero continuously.
        """
        names, _ = self._groups[group]
        if group not in self._known:
            self._known[group] = np.stack([self._shape_of(self.sources[n].shapes, group) for n in names]).astype(np.float64)
        offsets = self._known[group] - self._shape_of(shapes, group)
        price = np.sqrt(_DISTANCE_PRICE) * (np.linalg.norm(offsets, axis=1) + _SOFTNESS)
        system = np.concatenate([offsets.T, np.diag(price), np.full((1, len(names)), _SUM_IS_ONE)])
        wanted = np.zeros(len(system))
        wanted[-1] = _SUM_IS_ONE
        share = nnls(system, wanted)[0]
        cut = np.sort(share)[::-1][_MOST_POSES] if len(share) > _MOST_POSES else 0.0
        share = np.maximum(share - cut, 0)
        share /= share.sum()
        return [(self.sources[n], float(s)) for n, s in zip(names, share) if s > 0]

    def moved(self, shapes: dict[str, float], region: Region | None) -> np.ndarray:
        """Projected vertices in crop pixels; with a region, motion dies out towards its upper and lower end."""
        p = self._project(self.geometry.points(shapes))
        if region is None:
            return p
        free = region.freedom(self._rest[:, :2].astype(np.float64) + (self.x, self.y))[:, None]
        n = sum(self.geometry.part_sizes[:4])
        free[n:] = 1  # eyeballs turn, they do not shift
        return np.ascontiguousarray(self._rest + free * (p - self._rest), np.float32)

    def surface(self, shapes: dict[str, float], region: Region, supersample: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the region's (sub)pixels show: owner, bary and, in crop pixels, their own position."""
        p = self.moved(shapes, region)
        s = region.scale * supersample
        target = p.copy()
        target[:, 0] = (p[:, 0] + self.x - region.x) * s
        target[:, 1] = (p[:, 1] + self.y - region.y) * s
        owner, bary, _ = rasterise(target, self.triangles, region.width * supersample, region.height * supersample)
        return owner, bary, (region.pixels(supersample) - (self.x, self.y)).astype(np.float32)

    def render(self, shapes: dict[str, float], region: Region, supersample: int = 3) -> np.ndarray:
        """The region's patch in a pose, float32 [h, w, 3], 0..255."""
        owner, bary, own = self.surface(shapes, region, supersample)
        total = np.zeros((*owner.shape, 3), np.float32)
        weights = np.zeros(owner.shape, np.float32)
        chosen = self.mixture(shapes, region.name)
        if region.name == "mouth":
            # whatever no chosen pose has seen (inside of the mouth) comes from the open mouth
            chosen.append((self.sources["aa"], 1e-3))
        for source, share in chosen:
            position, visible = locate(source.vertices, self.triangles, owner, bary, source.depth, own)
            gather(position, np.where(visible < 0, 0, share * (visible + 1e-5)).astype(np.float32), source.picture, total, weights)
            gather(own, np.where(visible < 0, np.float32(share), 0).astype(np.float32), source.background, total, weights)
        picture = total / np.maximum(weights, 1e-12)[..., None]
        s = supersample
        return picture.reshape(region.height, s, region.width, s, 3).mean((1, 3))

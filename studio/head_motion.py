"""Small motion of a still portrait: head turns from its depth, breathing; and where each clip pixel comes from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom

from geometry import Geometry, rotate
from pictures import blur, load, load_16, smoothstep
from raster import sample

# Metres per unit of the depth picture.
_DEPTH_UNIT = 1 / 20000
# The fields are smooth: half the portrait's resolution holds them.
_FIELD = 512
_PORTRAIT = 1024
# Portrait pixels by which the shoulders rise in a full breath; the head follows by this share.
_BREATH_PIXELS, _BREATH_HEAD = 2.2, 0.4


@dataclass(frozen=True)
class Stance:
    """Degrees away from the portrait: + turns to the picture's right, nods down, tilts the top to the picture's left. breath 0..1."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    breath: float = 0.0


class HeadMotion:
    """`base`: folder with depth_1024.png and head_weight.png (share of a head turn that reaches a pixel)."""

    def __init__(self, base: Path | str, geometry: Geometry) -> None:
        base = Path(base)
        depth = load_16(base / "depth_1024.png")[::2, ::2] * _DEPTH_UNIT
        weight = blur(load(base / "head_weight.png", "L")[::2, ::2].astype(np.float32) / 255, 1.0)
        known = (depth > 0).astype(np.float32)
        filled = depth.copy()
        # the silhouette's depth spreads into the background, so that nothing tears at the hair
        open_ = depth <= 0
        for sigma in (3, 9, 27, 60):
            share = blur(known, sigma)
            spread = blur(depth * known, sigma) / np.maximum(share, 1e-6)
            now = open_ & (share > 0.02)
            filled[now] = spread[now]
            open_ &= ~now
        filled[open_] = filled[~open_].max()
        filled = blur(filled, 5)
        y, x = np.mgrid[0:_FIELD, 0:_FIELD].astype(np.float64)
        pixels = np.stack([x.ravel(), y.ravel()], 1) * 2 + 1.0
        points = geometry.unproject(pixels, filled.ravel().astype(np.float64))
        w = weight.ravel().astype(np.float64)

        def field(axis: tuple[float, float, float]) -> np.ndarray:
            turned = rotate(points, geometry.neck_joint, axis, np.radians(w))
            moved = geometry.project(turned)[:, :2] - pixels
            return blur(moved.reshape(_FIELD, _FIELD, 2).astype(np.float32), 3)

        self._fields = [field((0, 0, 1)), field((1, 0, 0)), field((0, -1, 0))]
        body = smoothstep(600, 800, pixels[:, 1])
        rise = -_BREATH_PIXELS * (_BREATH_HEAD + (1 - _BREATH_HEAD) * body)
        widen = _BREATH_PIXELS * 0.7 * (pixels[:, 0] - _PORTRAIT / 2) / (_PORTRAIT / 2) * body
        self._breath = np.stack([widen, rise], 1).reshape(_FIELD, _FIELD, 2).astype(np.float32)

    def displacement(self, stance: Stance) -> np.ndarray:
        """Where each portrait point goes, minus where it was, in portrait pixels [512, 512, 3] (third channel unused)."""
        out = np.zeros((_FIELD, _FIELD, 3), np.float32)
        out[..., :2] = stance.breath * self._breath
        for amount, field in zip((stance.yaw, stance.pitch, stance.roll), self._fields):
            out[..., :2] += np.float32(amount) * field
        return out

    def nodes(self, grid: int, size: int) -> np.ndarray:
        """The motion of one degree of yaw, pitch and roll and of a full breath at grid x grid nodes, float32 [4, grid, grid, 2], in pixels of a clip."""
        edge = np.clip(np.linspace(0, _FIELD, grid), 0.5, _FIELD - 0.5)
        at = np.stack(np.meshgrid(edge, edge), -1)
        three = [np.concatenate([field, np.zeros_like(field[..., :1])], -1) for field in (*self._fields, self._breath)]
        return np.stack([sample(field, at)[..., :2] for field in three]).astype(np.float32) * np.float32(size / _PORTRAIT)

    @staticmethod
    def origin_of(displacement: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The portrait position that is seen at each position `seen` [.., 2] (portrait pixels); inverts the motion."""
        origin = seen.copy()
        for _ in range(4):
            origin = seen - sample(displacement, origin / 2)[..., :2]
        return origin

    def picture(self, portrait: np.ndarray, stance: Stance, size: int) -> np.ndarray:
        """The portrait (float32 [1024, 1024, 3]) in a stance, size x size, area-averaged over 2 x 2 points a pixel."""
        displacement = self.displacement(stance)
        y, x = np.mgrid[0:size, 0:size]
        seen = (np.stack([x, y], -1) + 0.5) * (_PORTRAIT / size)
        origin = self.origin_of(displacement, seen)
        # positions between the pixel centres: the motion is smooth
        fine = np.stack([zoom(origin[..., i] - seen[..., i], 2, order=1, grid_mode=True, mode="nearest") for i in (0, 1)], -1)
        y, x = np.mgrid[0 : 2 * size, 0 : 2 * size]
        fine += (np.stack([x, y], -1) + 0.5) * (_PORTRAIT / size / 2)
        return sample(portrait, fine).reshape(size, 2, size, 2, 3).mean((1, 3))

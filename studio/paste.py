"""Placements: where a patch lies in a clip's frames; and the paste, computed as the server computes it."""

import numpy as np

from head_motion import HeadMotion
from raster import sample
from regions import Region

GRID = 16
_PORTRAIT = 1024


def placement_row(region: Region, mask: np.ndarray, displacement: np.ndarray, size: int) -> np.ndarray:
    """
    One row of a placements file (see shared/avatar-pack.ts): the box, then the patch position seen at each node.

    @param mask alpha of the patch, 0..1
    @param displacement of HeadMotion
    @param size side of the clip
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    corners = region.to_portrait(np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float64))
    edge = np.linspace(0, 1, 33)
    x = corners[0, 0] + edge * (corners[1, 0] - corners[0, 0])
    y = corners[0, 1] + edge * (corners[1, 1] - corners[0, 1])
    outline = np.stack(np.meshgrid(x, y), -1)
    moved = (outline + sample(displacement, outline / 2)[..., :2]) * (size / _PORTRAIT)
    low = np.maximum(np.floor(moved.min((0, 1))).astype(int) - 1, 0)
    high = np.minimum(np.ceil(moved.max((0, 1))).astype(int) + 1, size)
    step = np.linspace(0, 1, GRID)
    nodes = np.stack(np.meshgrid(low[0] + step * (high - low)[0], low[1] + step * (high - low)[1]), -1)
    patch = region.to_patch(HeadMotion.origin_of(displacement, nodes * (_PORTRAIT / size)))
    return np.concatenate([low, high - low, patch.ravel()]).astype(np.float32)


def _nodes_at(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """Node values [g, g, 2] interpolated at the pixel centres of the box, [h, w, 2]."""
    last = grid.shape[0] - 1
    s = (np.arange(width) + 0.5) * last / width
    t = (np.arange(height) + 0.5) * last / height
    i, j = np.minimum(s.astype(int), last - 1), np.minimum(t.astype(int), last - 1)
    fs, ft = (s - i)[None, :, None], (t - j)[:, None, None]
    at = lambda dj, di: grid[np.ix_(j + dj, i + di)]
    return (at(0, 0) * (1 - fs) + at(0, 1) * fs) * (1 - ft) + (at(1, 0) * (1 - fs) + at(1, 1) * fs) * ft


def seen_patch(row: np.ndarray, patch: np.ndarray, mask: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The box as slices, and patch and alpha as seen in it. patch: [h, w, 3]; mask: [h, w], 0..1."""
    x, y, width, height = (int(v) for v in row[:4])
    position = _nodes_at(row[4:].reshape(GRID, GRID, 2).astype(np.float64), width, height)
    h, w = mask.shape
    inside = (position[..., 0] >= 0) & (position[..., 1] >= 0) & (position[..., 0] <= w) & (position[..., 1] <= h)
    alpha = sample(np.repeat(mask[..., None], 3, 2).astype(np.float32), position)[..., :1] * inside[..., None]
    return (slice(y, y + height), slice(x, x + width)), sample(patch, position), alpha


def paste(frame: np.ndarray, row: np.ndarray, patch: np.ndarray, mask: np.ndarray) -> None:
    """Blends a patch into a float frame 0..255 in place."""
    box, colour, alpha = seen_patch(row, patch, mask)
    frame[box] += alpha * (colour - frame[box])

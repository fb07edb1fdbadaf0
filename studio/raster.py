"""numpy face of raster.c; compiles it on first use."""

import ctypes
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

_HERE = Path(__file__).parent
# Metres by which a surface may lie behind the source's and still count as the same.
DEPTH_TOLERANCE = 0.004


@cache
def _library() -> ctypes.CDLL:
    source, built = _HERE / "raster.c", _HERE / "__pycache__" / "libraster.so"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(exist_ok=True)
        subprocess.run(["cc", "-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", str(source), "-o", str(built), "-lm"], check=True)
    return ctypes.CDLL(str(built))


def _pointer(array: np.ndarray, kind: type) -> ctypes.c_void_p:
    assert array.dtype == kind and array.flags.c_contiguous, (array.dtype, array.flags)
    return array.ctypes.data_as(ctypes.c_void_p)


def rasterise(vertices: np.ndarray, triangles: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices float32 [n, 3] in target pixels -> owner int32 [h, w], bary float32 [h, w, 2], depth float32 [h, w]."""
    owner = np.empty((height, width), np.int32)
    bary = np.zeros((height, width, 2), np.float32)
    depth = np.empty((height, width), np.float32)
    _library().rasterise(
        _pointer(vertices, np.float32), _pointer(triangles, np.int32), len(triangles), width, height,
        _pointer(owner, np.int32), _pointer(bary, np.float32), _pointer(depth, np.float32),
    )  # fmt: skip
    return owner, bary, depth


def locate(
    vertices: np.ndarray, triangles: np.ndarray, owner: np.ndarray, bary: np.ndarray, depth: np.ndarray, elsewhere: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Position [h, w, 2] and visibility [h, w] of the target's surface in a source; `elsewhere` is the position without surface."""
    position = np.ascontiguousarray(elsewhere, np.float32).copy()
    visible = np.empty(owner.shape, np.float32)
    _library().locate(
        _pointer(vertices, np.float32), _pointer(triangles, np.int32), _pointer(owner, np.int32), _pointer(bary, np.float32),
        owner.size, _pointer(depth, np.float32), depth.shape[1], depth.shape[0], ctypes.c_float(DEPTH_TOLERANCE),
        _pointer(position, np.float32), _pointer(visible, np.float32),
    )  # fmt: skip
    return position, visible


def gather(position: np.ndarray, weight: np.ndarray, picture: np.ndarray, total: np.ndarray, weights: np.ndarray) -> None:
    """Adds weight * picture(position) to `total` [h, w, 3] and weight to `weights` [h, w], all float32."""
    _library().gather(
        _pointer(position, np.float32), _pointer(weight, np.float32), weight.size, _pointer(picture, np.float32),
        picture.shape[1], picture.shape[0], _pointer(total, np.float32), _pointer(weights, np.float32),
    )  # fmt: skip


def sample(picture: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Bilinear picture [h, w, 3] at positions [.., 2]."""
    position = np.ascontiguousarray(position, np.float32)
    total = np.zeros((*position.shape[:-1], 3), np.float32)
    gather(
        position,
        np.ones(position.shape[:-1], np.float32),
        np.ascontiguousarray(picture, np.float32),
        total,
        np.zeros(position.shape[:-1], np.float32),
    )
    return total

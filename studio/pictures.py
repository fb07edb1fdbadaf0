"""Pictures as numpy arrays: files, filters, measures. Pixel centres are at +0.5 everywhere in the studio."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def load(path: Path | str, mode: str = "RGB") -> np.ndarray:
    """An 8-bit picture: uint8 [h, w, 3] for 'RGB', [h, w] for 'L'."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode))


def load_16(path: Path | str) -> np.ndarray:
    """A 16-bit grey picture as float32 [h, w], values 0..65535."""
    with Image.open(path) as picture:
        return np.asarray(picture).astype(np.float32)


def save(path: Path | str, picture: np.ndarray) -> None:
    """Writes float or uint8 values 0..255; [h, w] becomes grey, [h, w, 3] RGB."""
    Image.fromarray(to_bytes(picture)).save(path, optimize=True, quality=90)


def to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 at `low`, 1 at `high`, smooth between; `low` may be the larger one."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    axes = (0, 1)
    return gaussian_filter(picture, sigma, axes=axes, mode="nearest")


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB; values 0..255."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of 1.5 px, K 0.01 and 0.03), mean over the channels; values 0..255."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, axes=(0, 1), truncate=3.5)

    ma, mb = mean(a), mean(b)
    va, vb, ab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    score = ((2 * ma * mb + c1) * (2 * ab + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return float(score[5:-5, 5:-5].mean())

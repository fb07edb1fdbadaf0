"""How well one mouth follows another: the figures of bench/lipsync.ts."""

import numpy as np

from mouth import FPS
from shapes import INDEX, JAW

_SHUT = 0.5
_TOLERANCE_S = 0.02
Span = tuple[float, float]


def jaw_correlation(heard: list[np.ndarray], known: list[np.ndarray]) -> float:
    """Pearson's, over all rows of all sentences."""
    jaw = lambda mouths: np.concatenate(mouths).astype(np.float64) @ np.array(JAW)
    return float(np.corrcoef(jaw(heard), jaw(known))[0, 1])


def closures(mouth: np.ndarray) -> list[Span]:
    """s, from and to, of every time in which the lips are shut."""
    shut = np.concatenate([[False], mouth[:, INDEX["PP"]] > _SHUT, [False]]).astype(int)
    edges = np.flatnonzero(np.diff(shut)) / FPS
    return list(zip(edges[::2], edges[1::2]))


def closure_f1(heard: list[np.ndarray], known: list[np.ndarray]) -> float:
    """Closures of one within 20 ms of the other's; one meets one other only."""
    right = found = wanted = 0
    for one, other in zip(heard, known):
        left, spans = closures(other), closures(one)
        found += len(spans)
        wanted += len(left)
        for start, end in spans:
            near = [i for i, (a, b) in enumerate(left) if a <= end + _TOLERANCE_S and b >= start - _TOLERANCE_S]
            if near:
                left.pop(near[0])
                right += 1
    return 2 * right / max(1, found + wanted)

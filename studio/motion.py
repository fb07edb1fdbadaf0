"""How she moves while nobody makes her speak: head, breath, blinks and glances of the looped clips."""

from dataclasses import dataclass

import numpy as np

from face_params import FACE_PARAMS
from head_motion import Stance

FPS = 25
# Degrees of gaze at gaze_x = 1 and gaze_y = 1.
_GAZE_X_DEGREES, _GAZE_Y_DEGREES = 14.0, 12.0


@dataclass
class ClipMotion:
    stances: list[Stance]
    tracks: np.ndarray  # float32 [frames, FACE_PARAMS]


def _drift(phase: np.ndarray, rng: np.random.Generator, cycles: tuple[int, ...], amplitude: float) -> np.ndarray:
    """Periodic smooth noise with a peak of `amplitude`; phase 0..1 over the loop."""
    wave = sum(np.sin(2 * np.pi * (c * phase + rng.random())) * rng.uniform(0.6, 1.0) / c**0.8 for c in cycles)
    return amplitude * wave / np.abs(wave).max()


def _bump(t: np.ndarray, at: float, length: float, loop: float) -> np.ndarray:
    """A smooth swell of height 1 and about `length` seconds, wrapping around the loop."""
    d = (t - at + loop / 2) % loop - loop / 2
    return np.exp(-((2.2 * d / length) ** 2))


def _blink(t: np.ndarray, at: float, loop: float) -> np.ndarray:
    """Lids fall in about 0.10 s, stay for a frame and rise in about 0.2 s."""
    d = (t - at + loop / 2) % loop - loop / 2
    return np.where(d < 0, np.clip(1 + (d + 0.02) / 0.10, 0, 1), np.clip(1 - (d - 0.04) / 0.20, 0, 1) ** 1.3)


def _glances(t: np.ndarray, loop: float, glances: list[tuple[float, float, float]]) -> np.ndarray:
    """Eyes jump (within two frames) to (x, y) at each time and stay; [n, 2]. The last one holds over the loop's end."""
    out = np.zeros((len(t), 2))
    for at, x, y in sorted(glances):
        share = np.clip((t - at) / 0.06, 0, 1)[:, None]
        out = out * (1 - share) + share * np.array([x, y])
    return out


def _clip(seconds: float, seed: int, breaths: int, yaw: float, pitch: float, roll: float, blinks: list[float],
          glances: list[tuple[float, float, float]], nods: list[tuple[float, float, float]], tilt: float, brow: float) -> ClipMotion:  # fmt: skip
    rng = np.random.default_rng(seed)
    n = round(seconds * FPS)
    t = np.arange(n) / FPS
    phase = t / seconds
    head_yaw = _drift(phase, rng, (1, 2, 3), yaw)
    head_pitch = _drift(phase, rng, (1, 2, 3, 5), pitch)
    head_roll = tilt + _drift(phase, rng, (1, 2), roll)
    for at, depth, length in nods:
        head_pitch += depth * _bump(t, at, length, seconds)
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * (breaths * phase + 0.1))
    breath = breath**1.3
    gaze = _glances(t, seconds, glances)
    tracks = np.zeros((n, len(FACE_PARAMS)), np.float32)
    put = lambda name, values: tracks.__setitem__((slice(None), FACE_PARAMS.index(name)), values)
    put("sil", 1)
    put("blink", np.max([_blink(t, at, seconds) for at in blinks], axis=0))
    # the eyes stay on the viewer while the head moves
    put("gaze_x", np.clip(gaze[:, 0] - head_yaw / _GAZE_X_DEGREES, -1, 1))
    put("gaze_y", np.clip(gaze[:, 1] + head_pitch / _GAZE_Y_DEGREES, -1, 1))
    put("brow_up", np.clip(brow * (1 + 0.25 * _drift(phase, rng, (1, 2, 4), 1.0)), 0, 1))
    stances = [Stance(*(float(v) for v in row)) for row in zip(head_yaw, head_pitch, head_roll, breath)]
    return ClipMotion(stances, tracks)


def idle() -> ClipMotion:
    """Relaxed, on the viewer."""
    glances = [
        (0.9, 0.10, -0.05),
        (1.5, 0.0, 0.0),
        (3.6, -0.06, 0.03),
        (4.4, 0.03, 0.0),
        (6.3, 0.14, -0.10),
        (7.0, -0.02, 0.0),
        (8.6, 0.0, 0.0),
    ]
    return _clip(10, 11, 3, 1.1, 0.7, 0.6, [1.48, 5.2, 8.62], glances, [], 0.0, 0.0)


def listening() -> ClipMotion:
    """Attentive: head a little tilted, small nods, brows a little up."""
    glances = [(1.2, -0.05, 0.02), (2.9, 0.04, 0.04), (5.4, 0.0, 0.02), (8.1, 0.0, 0.0)]
    nods = [(1.7, 1.3, 0.55), (2.25, 0.7, 0.45), (6.1, 1.1, 0.6)]
    return _clip(10, 23, 3, 0.7, 0.4, 0.4, [0.5, 4.3, 7.9], glances, nods, 0.8, 0.3)


CLIPS = {"idle": idle, "listening": listening}

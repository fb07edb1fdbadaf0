"""What the detector hears: the log-mel frames of origin/dsp/log-mel.ts, in numpy."""

import numpy as np

from speech import RATE

HOP, WINDOW, FFT, BANDS = 160, 400, 512, 40


def _triangles() -> np.ndarray:
    to_mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    corners = 700 * (10 ** (np.linspace(to_mel(60), to_mel(7600), BANDS + 2) / 2595) - 1)
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.maximum(0, np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)))


_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
_MEL = _triangles().astype(np.float32)


def log_mel(sound: np.ndarray) -> np.ndarray:
    """[frames, 40] at 100 frames a second; frame i ends with sample 160 (i + 1)."""
    padded = np.concatenate([np.zeros(WINDOW - HOP, np.float32), np.round(np.clip(sound, -1, 1) * 32767) / 32768])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * _HANN, FFT)) ** 2
    return ((np.log(power.astype(np.float32) @ _MEL.T + 1e-3) - 1) / 4).astype(np.float32)

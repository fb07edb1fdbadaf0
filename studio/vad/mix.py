"""
Speech of every trained voice in every kind of noise, as features and labels.

    python studio/vad/mix.py --out WORK [--sentences 24]
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
from features import log_mel
from noise import noise
from scipy.signal import fftconvolve, resample_poly

from speech import RATE, ROWS, TRAINED, labels, sentence, utterances, words

# RMS of speech before its random gain.
_LEVEL = 0.08


def _changed(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """The voice at another pitch and pace, through another microphone and room; starts and lengths change with the pace only."""
    pace = rng.choice([1, 0.85, 0.92, 1.08, 1.18])
    if pace != 1:
        x = resample_poly(x, 100, round(100 * pace))
    if rng.random() < 0.6:
        hz = np.linspace(0, RATE / 2, len(x) // 2 + 1)
        gain = np.interp(hz, [0, 300, 1000, 2500, 4500, 8000], rng.uniform(-9, 9, 6))
        if rng.random() < 0.25:
            gain = gain - np.maximum(0, (hz - rng.choice([3400, 4500])) / 60) - np.maximum(0, (250 - hz) / 8)
        x = np.fft.irfft(np.fft.rfft(x, len(x)) * 10 ** (gain / 20), len(x))
    return x.astype(np.float32)


def _room(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    length = int(rng.uniform(0.08, 0.5) * RATE)
    echo = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    echo *= rng.uniform(0.1, 0.6) / np.sqrt((echo**2).sum())
    echo[0] = 1
    return fftconvolve(x, echo)[: len(x)].astype(np.float32)


def _mixed(rng: np.random.Generator, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = _changed(rng, clean)
    x = x / (np.sqrt((x[np.abs(x) > 0.02 * np.abs(x).max()] ** 2).mean()) + 1e-9) * _LEVEL
    said = labels(x)
    before, after = (int(rng.uniform(0.1, high) * ROWS) for high in (2.5, 2.0))
    said = np.concatenate([np.zeros(before, np.float32), said, np.zeros(after, np.float32)])
    row = RATE // ROWS
    x = np.concatenate([np.zeros(before * row, np.float32), x, np.zeros(len(said) * row, np.float32)])[: len(said) * row]
    if rng.random() < 0.4:
        x = _room(rng, x)
    if rng.random() < 0.9:
        x = x + noise(rng, len(x)) * _LEVEL * 10 ** (-rng.uniform(-2, 40) / 20)
    return x * 10 ** (rng.uniform(-26, 12) / 20), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder")
    parser.add_argument("--sentences", type=int, default=24, help="of each voice")
    parser.add_argument("--copies", type=int, default=3, help="of each sentence")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng, draw, dictionary = np.random.default_rng(11), random.Random(11), words()
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    begun = time.monotonic()
    for voice in TRAINED:
        count = args.sentences * (1 if voice.engine == "espeak" else 3)
        said = utterances(voice, [sentence(voice.script, dictionary, draw) for _ in range(count)], draw)
        for clean in said:
            for _ in range(args.copies):
                x, y = _mixed(rng, clean)
                pieces.append((log_mel(x)[: 2 * len(y)].astype(np.float16), y))
        print(f"{voice.engine} {voice.name}: {len(said)} of {count}, {time.monotonic() - begun:.0f} s", flush=True)
    # as much again without any speech, also very quiet and very loud
    for _ in range(len(pieces)):
        n = int(rng.uniform(3, 10) * ROWS) * (RATE // ROWS)
        x = noise(rng, n) * 10 ** (rng.uniform(-60, -8) / 20)
        pieces.append((log_mel(x).astype(np.float16), np.zeros(n * ROWS // RATE, np.float32)))
    order = rng.permutation(len(pieces))
    heard = np.concatenate([pieces[i][0] for i in order])
    said = np.concatenate([pieces[i][1] for i in order])
    np.savez(args.out / "mixed.npz", heard=heard, said=said)
    print(f"{len(said) / ROWS / 60:.0f} min, {said.mean():.2f} of it speech, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()

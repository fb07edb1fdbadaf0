"""
The corpus as features and mouths: training voices in changed copies (pitch, pace, microphone, room, noise, level), the others as they are.

    python studio/lipsync/mix.py --out WORK [--copies 3]
"""

import argparse
import time
import zlib
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from data import log_mel, noise, read
from mouth import FPS, Unit, mouth_of, units_of
from say import RATE, Utterance
from voices import SETS, Voice

_ROW = RATE // FPS
# Peak of a clean sentence.
_PEAK = 0.5


def _microphone(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    hz = np.linspace(0, RATE / 2, len(x) // 2 + 1)
    gain = np.interp(hz, [0, 300, 1000, 2500, 4500, 8000], rng.uniform(-9, 9, 6))
    if rng.random() < 0.2:
        gain = gain - np.maximum(0, (hz - rng.choice([3400, 4000, 5500])) / 70)
    return np.fft.irfft(np.fft.rfft(x) * 10 ** (gain / 20), len(x))


def _room(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    length = int(rng.uniform(0.08, 0.5) * RATE)
    echo = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    echo *= rng.uniform(0.05, 0.5) / np.sqrt((echo**2).sum())
    echo[0] = 1
    return fftconvolve(x, echo)[: len(x)]


def changed(rng: np.random.Generator, x: np.ndarray, units: list[Unit], *, others: np.ndarray) -> tuple[np.ndarray, list[Unit]]:
    """Another voice in another place. @param others: sound of which a piece may speak in the background"""
    # pitch, formants and pace together
    tone = rng.choice([1, 0.78, 0.84, 0.9, 0.95, 1.06, 1.12, 1.2, 1.28])
    if tone != 1:
        x = resample_poly(x, 100, round(100 * tone))
    before, after = rng.uniform(0, 0.6), rng.uniform(0, 0.5)
    units = [Unit(u.viseme, u.start_s / tone + before, u.end_s / tone + before) for u in units]
    x = np.concatenate([np.zeros(int(before * RATE)), x, np.zeros(int(after * RATE))])
    if rng.random() < 0.8:
        x = _microphone(rng, x)
    if rng.random() < 0.3:
        x = _room(rng, x)
    loud = x.std() + 1e-9
    if rng.random() < 0.55:
        x = x + noise(rng, len(x)) * loud * 10 ** (-rng.uniform(6, 40) / 20)
    if rng.random() < 0.15 and len(others) > len(x):
        start = rng.integers(0, len(others) - len(x))
        babble = others[start : start + len(x)]
        x = x + babble / (babble.std() + 1e-9) * loud * 10 ** (-rng.uniform(12, 28) / 20)
    x = x / (np.abs(x).max() + 1e-9) * 10 ** (rng.uniform(-24, -0.5) / 20)
    if rng.random() < 0.05:
        x = np.clip(x * rng.uniform(1.5, 3), -0.9, 0.9)
    return x, units


def _pieces(voice: Voice, said: list[Utterance], copies: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(zlib.crc32(voice.key.encode()))
    all_sound = np.concatenate([one.pcm for one in said]) / 32768
    made = []
    for one in said:
        clean = one.pcm / 32768
        clean = clean / (np.abs(clean).max() + 1e-9) * _PEAK
        units = units_of(voice.engine, voice.language, one.phones, len(clean) / RATE)
        for copy in range(max(1, copies)):
            x, shifted = changed(rng, clean, units, others=all_sound) if copies and copy else (clean, units)
            rows = len(x) // _ROW
            mel = log_mel(x)[: 2 * rows].astype(np.float16)
            mouth = mouth_of(_to_the_end(shifted, len(x) / RATE), len(x) / RATE)[:rows].astype(np.float16)
            made.append((mel, mouth))
    return made


def _to_the_end(units: list[Unit], duration_s: float) -> list[Unit]:
    """Silence added in front and behind belongs to the pauses there."""
    first, last = units[0], units[-1]
    ends = [Unit(0, 0, first.start_s)] if first.viseme and first.start_s > 0 else []
    if not first.viseme:
        first = units[0] = Unit(0, 0, first.end_s)
    if last.viseme:
        return [*ends, *units, *([Unit(0, last.end_s, duration_s)] if duration_s > last.end_s + 1e-3 else [])]
    return [*ends, *units[:-1], Unit(0, last.start_s, duration_s)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the corpus")
    parser.add_argument("--copies", type=int, default=3, help="of each sentence of a training voice; the first is as it was said")
    args = parser.parse_args()
    begun = time.monotonic()
    for name, voices in SETS.items():
        if name == "kept_out":
            continue  # report.py hears them from their sound
        mels, mouths, lengths, keys = [], [], [], []
        for voice in voices:
            file = args.out / "corpus" / name / f"{voice.key}.npz"
            if not file.exists():
                continue
            for mel, mouth in _pieces(voice, read(file), args.copies if name == "trained" else 0):
                mels.append(mel)
                mouths.append(mouth)
                lengths.append(len(mouth))
                keys.append(voice.key)
            print(f"{name} {voice.key}, {time.monotonic() - begun:.0f} s", flush=True)
        np.savez(args.out / f"{name}.npz", mel=np.concatenate(mels), mouth=np.concatenate(mouths), lengths=lengths, keys=keys)
        print(f"{name}: {sum(lengths) / FPS / 60:.0f} min, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()

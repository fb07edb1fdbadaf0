"""Sounds that are no speech: steady and gated noise, clicks and keys, hum, tones and music, bursts out of silence. Seeded, 16 kHz."""

from collections.abc import Callable

import numpy as np

from speech import RATE

Rng = np.random.Generator


def coloured(rng: Rng, n: int) -> np.ndarray:
    """Noise with a random slope, random bands and sometimes a limited range."""
    spectrum = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    hz = np.maximum(np.linspace(0, RATE / 2, n // 2 + 1), 20)
    shape = (hz / 1000) ** -rng.choice([0, 0.5, 1, rng.uniform(-0.3, 1.4)])
    if rng.random() < 0.5:
        shape = shape * 10 ** (np.interp(np.log(hz), np.log([50, 150, 400, 1000, 2500, 5000, 8000]), rng.uniform(-15, 15, 7)) / 20)
    if rng.random() < 0.25:
        low, high = np.sort(np.exp(rng.uniform(np.log(80), np.log(7900), 2)))
        shape = shape * (0.003 + ((hz > low) & (hz < max(high, low * 1.3))))
    return np.fft.irfft(spectrum * shape, n)


def hum(rng: Rng, n: int) -> np.ndarray:
    t = np.arange(n) / RATE
    base = rng.choice([50, 60, 100, 120, rng.uniform(40, 200)])
    tones = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6)) for k in range(1, 10))
    return tones + _unit(coloured(rng, n)) * rng.uniform(0.02, 1)


def clicks(rng: Rng, n: int) -> np.ndarray:
    """Clicks, knocks and keys: short noise or ringing, alone or in pairs (key down, key up), evenly or not."""
    out = np.zeros(n)
    pace = rng.uniform(1, 12)
    decay = rng.uniform(15, 500)
    even = rng.random() < 0.3
    at = rng.uniform(0, RATE / pace)
    while at < n:
        start = int(at)
        for shift in [0] + ([int(rng.uniform(0.04, 0.12) * RATE)] if rng.random() < 0.5 else []):
            length = min(int(decay * 8) + 40, n - start - shift)
            if length > 0:
                x = np.arange(length)
                hit = rng.standard_normal(length)
                if rng.random() < 0.4:
                    hit = np.sin(2 * np.pi * np.exp(rng.uniform(np.log(120), np.log(6000))) * x / RATE) + 0.3 * hit
                elif rng.random() < 0.5:
                    hit = np.convolve(hit, np.ones(rng.integers(2, 9)), "same")
                out[start + shift : start + shift + length] += hit / (np.abs(hit).max() + 1e-9) * np.exp(-x / decay) * rng.uniform(0.2, 1.5)
        at += RATE / pace if even else rng.exponential(RATE / pace)
    return out


def tones(rng: Rng, n: int) -> np.ndarray:
    """Notes, chords, beeps and sirens."""
    out = np.zeros(n)
    at = 0
    beep = rng.random() < 0.3
    while at < n:
        length = min(int(rng.uniform(0.05, 1.5) * RATE), n - at)
        if rng.random() < (0.5 if beep else 0.12):
            at += length
            continue
        t = np.arange(length) / RATE
        base = np.exp(rng.uniform(np.log(70), np.log(3000)))
        glide = (
            1
            + (rng.uniform(-0.4, 0.4) * t if rng.random() < 0.25 else 0)
            + (0.02 * np.sin(2 * np.pi * 5 * t) if rng.random() < 0.25 else 0)
        )
        for ratio in [1] + ([1.26, 1.5] if rng.random() < 0.35 else []):
            phase = 2 * np.pi * np.cumsum(base * ratio * glide * np.ones(length)) / RATE
            for k in range(1, 2 if beep else rng.integers(2, 12)):
                if base * ratio * k < RATE / 2:
                    out[at : at + length] += (
                        np.sin(k * phase) * rng.uniform(0.2, 1) / k ** rng.uniform(0.5, 1.5) * np.exp(-t * rng.uniform(0, 6))
                    )
        attack = min(length, int(rng.uniform(0.001, 0.05) * RATE))
        out[at : at + attack] *= np.linspace(0, 1, attack)
        at += length
    return out


def bursts(rng: Rng, n: int) -> np.ndarray:
    """Noise that comes out of silence and goes: a door, a breath, a passing car, static."""
    out = np.zeros(n)
    at = rng.uniform(0, 1) * RATE
    while at < n:
        length = min(int(np.exp(rng.uniform(np.log(0.02), np.log(3))) * RATE), n - int(at))
        if length > 64:
            x = np.linspace(0, 1, length)
            rise, fall = rng.uniform(0, 0.5), rng.uniform(0, 0.7)
            swell = np.minimum(1, x / max(rise, 1e-3)) * np.minimum(1, (1 - x) / max(fall, 1e-3))
            if rng.random() < 0.3:
                swell = swell * (0.55 + 0.45 * np.sin(2 * np.pi * rng.uniform(1, 12) * x * length / RATE + rng.uniform(0, 6)))
            make = coloured if rng.random() < 0.8 else hum
            out[int(at) : int(at) + length] += _unit(make(rng, length)) * swell * rng.uniform(0.2, 1)
        at += length + np.exp(rng.uniform(np.log(0.05), np.log(2.5))) * RATE
    return out


def wavering(rng: Rng, n: int) -> np.ndarray:
    """Noise whose loudness wanders in the rhythm of speech."""
    pace = rng.uniform(2, 12)
    knots = rng.uniform(0, 1, int(n / RATE * pace) + 3) ** rng.uniform(0.5, 2)
    return coloured(rng, n) * np.interp(np.arange(n) / RATE * pace, np.arange(len(knots)), knots)


def _unit(sound: np.ndarray) -> np.ndarray:
    return sound / (sound.std() + 1e-9)


_KINDS: list[tuple[Callable[[Rng, int], np.ndarray], float]] = [
    (coloured, 0.2), (hum, 0.1), (clicks, 0.2), (tones, 0.18), (bursts, 0.22), (wavering, 0.1),
]  # fmt: skip


def noise(rng: Rng, n: int) -> np.ndarray:
    """Any of the kinds, or two of them; RMS 1 over its loud half."""
    made = np.zeros(n)
    shares = np.array([share for _, share in _KINDS])
    for _ in range(1 + (rng.random() < 0.25)):
        make = _KINDS[rng.choice(len(_KINDS), p=shares / shares.sum())][0]
        made += _unit(make(rng, n)) * rng.uniform(0.3, 1)
    if rng.random() < 0.2:
        made = made + _unit(coloured(rng, n)) * 10 ** (-rng.uniform(15, 45) / 20)
    loud = made[np.abs(made) >= np.abs(made).max() * 0.05]
    return (made / (np.sqrt((loud**2).mean()) + 1e-9)).astype(np.float32)

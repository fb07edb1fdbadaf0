"""Viseme tracks as in speech: dominance functions over a run of visemes (Cohen and Massaro 1993), for training and for previews."""

import numpy as np

from face_params import VISEMES

# Strength and decay (1/s) of each viseme: lips and teeth closures win over tongue consonants, vowels spread.
_DOMINANCE = {
    "sil": (0.9, 22), "PP": (4.0, 34), "FF": (3.0, 32), "TH": (1.2, 28), "DD": (0.55, 26), "kk": (0.45, 24), "CH": (1.5, 20),
    "SS": (1.0, 26), "nn": (0.5, 26), "RR": (1.0, 20), "aa": (1.1, 17), "E": (1.0, 17), "ih": (0.9, 17), "oh": (1.2, 16), "ou": (1.4, 15),
}  # fmt: skip

# Phones of the embedded English voice (flite's names). Pairs are glides; 'hh' takes the shape of what follows.
_PHONES = {
    "pau": "sil", "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "th": "TH", "dh": "TH", "t": "DD", "d": "DD", "dx": "DD",
    "n": "nn", "l": "nn", "en": "nn", "el": "nn", "k": "kk", "g": "kk", "ng": "kk", "ch": "CH", "jh": "CH", "sh": "CH", "zh": "CH",
    "s": "SS", "z": "SS", "r": "RR", "er": "RR", "axr": "RR", "y": "ih", "w": "ou", "uw": "ou", "uh": "ou", "ow": "oh ou", "ao": "oh",
    "aa": "aa", "ah": "aa", "ae": "aa", "ax": "E", "eh": "E", "ey": "E ih", "ih": "ih", "iy": "ih", "ay": "aa ih", "aw": "aa ou", "oy": "oh ih",
}  # fmt: skip

# (viseme, start, end) in seconds
Segment = tuple[str, float, float]


def segments_of_phones(phones: list[tuple[str, float]]) -> list[Segment]:
    """(phone, end in seconds) in order -> visemes with times."""
    out: list[Segment] = []
    start = 0.0
    waiting: float | None = None
    for phone, end in phones:
        if phone == "hh":
            waiting = start if waiting is None else waiting
        else:
            begin = start if waiting is None else waiting
            waiting = None
            names = _PHONES[phone].split()
            step = (end - begin) / len(names)
            out += [(name, begin + i * step, begin + (i + 1) * step) for i, name in enumerate(names)]
        start = end
    return out


def track(segments: list[Segment], fps: float, seconds: float) -> np.ndarray:
    """Viseme weights [frames, 15] that sum to 1; each frame is the mean over its duration."""
    fine = 4
    t = np.arange(round(seconds * fps) * fine) / (fps * fine)
    weights = np.zeros((len(t), len(VISEMES)))
    for name, start, end in segments:
        strength, decay = _DOMINANCE[name]
        plateau = (end - start) * (0.5 if name == "sil" else 0.25)
        away = np.maximum(0, np.abs(t - (start + end) / 2) - plateau)
        if name != "sil" and end - start < 0.045:
            strength *= 0.8
        i = VISEMES.index(name)
        weights[:, i] = np.maximum(weights[:, i], strength * np.exp(-decay * away))
    total = weights.sum(1, keepdims=True)
    weights[total[:, 0] < 1e-4, 0] = 1
    weights /= weights.sum(1, keepdims=True)
    return weights.reshape(-1, fine, len(VISEMES)).mean(1)


_VOWELS = {"aa": 0.24, "E": 0.22, "ih": 0.28, "oh": 0.12, "ou": 0.14}
_CONSONANTS = {"PP": 0.15, "FF": 0.08, "TH": 0.06, "DD": 0.17, "kk": 0.10, "CH": 0.06, "SS": 0.13, "nn": 0.17, "RR": 0.08}


def random_speech(rng: np.random.Generator, seconds: float) -> list[Segment]:
    """Visemes in the rhythm of speech: one or two consonants, a vowel, now and then a pause."""
    out: list[Segment] = []
    at = 0.0

    def add(name: str, length: float) -> None:
        nonlocal at
        out.append((name, at, at + length))
        at += length

    draw = lambda table: str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))
    while at < seconds:
        if rng.random() < 0.06:
            add("sil", rng.uniform(0.1, 0.5))
        for _ in range(rng.choice([0, 1, 2], p=[0.1, 0.65, 0.25])):
            add(draw(_CONSONANTS), rng.uniform(0.035, 0.12))
        add(draw(_VOWELS), rng.uniform(0.05, 0.22))
    return out

"""Speech to learn from: Debian's synthesisers say made-up sentences; where each speaks is read off its own clean sound."""

import random
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

RATE = 16_000
# Labels a second: the network's own rhythm.
ROWS = 50
_ROW = RATE // ROWS
# A row is speech when it is no further below the utterance's loud parts than this ...
_QUIET_DB = 38
# ... and pauses between words are speech when they are shorter than this.
_PAUSE_ROWS = 8

_SYLLABLES = {
    "latin": ("b c d f g l m n p r s t v z br st tr pr gr fl sp k h j".split(), "a e i o u".split(), ["", "", "", "n", "s", "r", "l"]),
    "cyrillic": ("б в г д ж з к л м н п р с т ф х ч ш ст пр".split(), "а е и о у ы я ю".split(), ["", "", "", "н", "с", "р", "л"]),  # noqa: RUF001
}


@dataclass(frozen=True)
class Voice:
    engine: str
    name: str
    script: str = "english"
    encoding: str = "utf-8"


# Kept out of training, as flite's awb and rms and a few voices of the others are, to measure with: see bench/ears.ts.
TRAINED = [
    Voice("flite", "slt"), Voice("flite", "kal16"), Voice("flite", "kal"),
    Voice("festival", "ked_diphone"), Voice("festival", "cmu_us_slt_arctic_hts"),
    Voice("festival", "czech_dita", "latin", "iso8859-2"), Voice("festival", "czech_krb", "latin", "iso8859-2"),
    Voice("festival", "czech_ph", "latin", "iso8859-2"), Voice("festival", "lp_diphone", "latin", "iso8859-15"),
    Voice("festival", "hy_fi_mv_diphone", "latin", "iso8859-15"), Voice("festival", "upc_ca_ona_hts", "latin", "iso8859-15"),
] + [
    Voice("espeak", name, script) for name, script in [
        ("en-us", "english"), ("en-us+f1", "english"), ("en-us+f2", "english"), ("en-gb+f4", "english"), ("en-gb+m1", "english"),
        ("en-us+m3", "english"), ("en-us+m7", "english"), ("en-gb+klatt2", "english"), ("en-us+steph", "english"), ("en-us+Annie", "english"),
        ("en-gb-scotland+m2", "english"), ("fr+f3", "latin"), ("de+m4", "latin"), ("es+linda", "latin"), ("it+m5", "latin"),
        ("pt+Mike", "latin"), ("pl+f2", "latin"), ("tr+m1", "latin"), ("sv+f1", "latin"), ("nl+m2", "latin"), ("vi+f4", "latin"), ("ru", "cyrillic"),
    ]
]  # fmt: skip


def sentence(script: str, words: list[str], rng: random.Random) -> str:
    if script == "english":
        said = rng.sample(words, rng.randint(2, 12))
    else:
        onsets, vowels, codas = _SYLLABLES[script]
        syllable = lambda: rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas)
        said = ["".join(syllable() for _ in range(rng.randint(1, 4))) for _ in range(rng.randint(2, 9))]
    for i in range(2, len(said) - 1):
        if rng.random() < 0.08:
            said[i] += ","
    return " ".join(said) + rng.choice([".", ".", "?", "!"])


def words() -> list[str]:
    """Lower-case words of the Debian package wamerican."""
    lines = Path("/usr/share/dict/words").read_text().split()
    return [word for word in lines if word.isascii() and word.isalpha() and word.islower() and 2 < len(word) < 12]


def _read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    return pcm if rate == RATE else resample_poly(pcm, RATE, rate).astype(np.float32)


def utterances(voice: Voice, texts: list[str], rng: random.Random) -> list[np.ndarray]:
    """One clean sound per text, 16 kHz; texts that the engine does not say are left out."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        files = [at / f"{i}.wav" for i in range(len(texts))]
        if voice.engine == "festival":
            script = [f"(voice_{voice.name})"]
            for text, file in zip(texts, files):
                stretch = rng.choice([0.85, 0.95, 1.0, 1.1, 1.2])
                script.append(f"(Parameter.set 'Duration_Stretch {stretch})")
                script.append(f'(unwind-protect (utt.save.wave (utt.synth (Utterance Text "{text}")) "{file}" (quote riff)) nil)')
            (at / "say.scm").write_bytes("\n".join(script).encode(voice.encoding, "ignore"))
            subprocess.run(["festival", "--batch", str(at / "say.scm")], capture_output=True, timeout=600, check=False)
        for text, file in zip(texts, files):
            if voice.engine == "flite":
                stretch = rng.choice([0.8, 0.9, 1.0, 1.1, 1.25])
                command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", str(file)]
            elif voice.engine == "espeak":
                pace, pitch = rng.choice([130, 150, 165, 180, 200]), rng.randint(25, 75)
                command = ["espeak-ng", "-v", voice.name, "-s", str(pace), "-p", str(pitch), "-w", str(file), text]
            else:
                break
            subprocess.run(command, capture_output=True, timeout=60, check=False)
        return [_read(file) for file in files if file.exists() and file.stat().st_size > 4000]


def labels(clean: np.ndarray) -> np.ndarray:
    """1 for each row of 20 ms that is speech, of a clean sound."""
    rows = clean[: len(clean) // _ROW * _ROW].reshape(-1, _ROW)
    level = 10 * np.log10((rows**2).mean(1) + 1e-12)
    said = level > max(np.percentile(level, 95) - _QUIET_DB, -70)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], said.astype(int), [0]])))
    for end, start in zip(edges[1:-1:2], edges[2::2]):
        if start - end < _PAUSE_ROWS:
            said[end:start] = True
    return said.astype(np.float32)

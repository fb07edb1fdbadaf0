"""Debian's synthesisers as speech whose sounds and their times are known: sound at 16 kHz and phones in seconds."""

import ctypes
import random
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from voices import Voice

RATE = 16_000
# s by which an engine's phones may end beside its sound before the sentence is thrown away.
_MAX_DRIFT_S = 0.35


@dataclass(frozen=True)
class Phone:
    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Utterance:
    text: str
    pcm: np.ndarray
    phones: list[Phone]


def say(voice: Voice, texts: list[str], rng: random.Random) -> list[Utterance]:
    """What the engine could not say, or timed badly, is left out."""
    made = {"flite": _flite, "festival": _festival, "espeak": _espeak}[voice.engine](voice, texts, rng)
    good = []
    for text, pcm, phones in made:
        end = len(pcm) / RATE
        if not phones or abs(phones[-1].end_s - end) > _MAX_DRIFT_S or not 0.5 < end < 20:
            continue
        good.append(Utterance(text, pcm, [Phone(p.name, p.start_s, min(p.end_s, end)) for p in phones if p.start_s < end]))
    return good


Made = list[tuple[str, np.ndarray, list[Phone]]]


def _at_rate(pcm: np.ndarray, rate: int) -> np.ndarray:
    if rate == RATE:
        return pcm
    step = int(np.gcd(rate, RATE))
    return np.clip(np.round(resample_poly(pcm.astype(np.float64), RATE // step, rate // step)), -32768, 32767).astype(np.int16)


def _read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return _at_rate(np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate())


def _in_order(ends: list[tuple[str, float]]) -> list[Phone]:
    """Phones whose ends are known; none where times go back (a second utterance began)."""
    phones, at = [], 0.0
    for name, end in ends:
        if end < at:
            return []
        phones.append(Phone(name, at, end))
        at = end
    return phones


def _flite(voice: Voice, texts: list[str], rng: random.Random) -> Made:
    made: Made = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder) / "said.wav"
        for text in texts:
            stretch = rng.choice([0.8, 0.9, 1.0, 1.0, 1.1, 1.25])
            command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch}", "-psdur", "-t", text, "-o", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0 and file.exists():
                ends = [(name, float(end)) for name, end in (pair.rsplit(":", 1) for pair in done.stdout.split())]
                made.append((text, _read(file), _in_order(ends)))
    return made


def _festival(voice: Voice, texts: list[str], rng: random.Random) -> Made:
    made: Made = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        script = [f"(voice_{voice.name})"]
        for i, text in enumerate(texts):
            stretch = rng.choice([0.85, 0.95, 1.0, 1.1, 1.2])
            save = f'(utt.save.wave said "{folder}/{i}.wav" \'riff) (utt.save.segs said "{folder}/{i}.segs")'
            script.append(f"(Parameter.set 'Duration_Stretch {stretch})")
            script.append(f'(unwind-protect (let ((said (utt.synth (Utterance Text "{text}")))) {save}) nil)')
        file = Path(folder) / "say.scm"
        file.write_bytes("\n".join(script).encode(voice.encoding, "ignore"))
        subprocess.run(["festival", "--batch", str(file)], capture_output=True, timeout=1200, check=False)
        for i, text in enumerate(texts):
            sound, segments = Path(folder) / f"{i}.wav", Path(folder) / f"{i}.segs"
            if sound.exists() and segments.exists() and sound.stat().st_size > 4000:
                lines = [line.split() for line in segments.read_text(encoding="latin-1").splitlines()[1:]]
                made.append((text, _read(sound), _in_order([(line[2], float(line[0])) for line in lines if len(line) > 2])))
    return made


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng/speak_lib.h; `name` is the union's string."""

    _fields_ = (
        ("kind", ctypes.c_int), ("message", ctypes.c_uint), ("text_at", ctypes.c_int), ("length", ctypes.c_int), ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("name", ctypes.c_char * 8),
    )  # fmt: skip


_PHONEME_EVENT, _SYNCHRONOUS, _PHONEMES_AS_IPA, _UTF8 = 7, 2, 3, 1
_PACE, _PITCH, _RANGE = 1, 3, 4
# Measured on the level of its sound: events come 8 ms late, and a stop's event marks its release, 45 ms after its closure.
_LATE_S, _STOP_LATE_S = 0.008, 0.045
_STOPS = tuple("pbtdkgɡcʈɖ")  # noqa: RUF001
# s; a sound without a name that lasts so long is a pause, a shorter one belongs to the sound before it.
_PAUSE_S = 0.09


def _espeak(voice: Voice, texts: list[str], rng: random.Random) -> Made:
    library = ctypes.CDLL("libespeak-ng.so.1")
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEMES_AS_IPA)
    pieces: list[np.ndarray] = []
    events: list[tuple[float, str]] = []

    def receive(samples: object, count: int, list_of_events: object) -> int:
        if count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while list_of_events[i].kind:
            if list_of_events[i].kind == _PHONEME_EVENT:
                events.append((list_of_events[i].sample / rate, list_of_events[i].name.decode("utf-8", "ignore")))
            i += 1
        return 0

    receiver = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))(receive)
    library.espeak_SetSynthCallback(receiver)
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        print(f"espeak-ng has no voice {voice.name}", file=sys.stderr)
        return []
    made: Made = []
    for text in texts:
        for what, value in (
            (_PACE, rng.choice([130, 150, 165, 175, 190, 210])),
            (_PITCH, rng.randint(25, 75)),
            (_RANGE, rng.randint(30, 80)),
        ):
            library.espeak_SetParameter(what, value, 0)
        pieces.clear()
        events.clear()
        said = text.encode()
        library.espeak_Synth(said, len(said) + 1, 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        if pieces:
            pcm = _at_rate(np.concatenate(pieces), rate)
            made.append((text, pcm, _espeak_phones(events, len(pcm) / RATE)))
    return made


def _espeak_phones(events: list[tuple[float, str]], end_s: float) -> list[Phone]:
    starts = [max(0.0, at - (_STOP_LATE_S if name.startswith(_STOPS) else _LATE_S)) for at, name in events]
    for i in range(1, len(starts)):
        starts[i] = max(starts[i], starts[i - 1])
    phones = [Phone("_", 0.0, starts[0])] if starts and starts[0] > 0 else []
    ends = [*starts[1:], end_s]
    return phones + [
        Phone("_" if not name and end - start > _PAUSE_S else name, start, end)
        for (_, name), start, end in zip(events, starts, ends)
        if end > start
    ]

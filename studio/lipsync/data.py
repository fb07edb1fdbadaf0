"""What the corpus holds, and the features and noises that the voice detector's scripts make too."""

import json
import sys
from pathlib import Path

import numpy as np

from say import Phone, Utterance

sys.path.append(str(Path(__file__).resolve().parents[1] / "vad"))
from features import BANDS, log_mel
from noise import noise

__all__ = ["BANDS", "log_mel", "noise", "read"]


def read(file: Path) -> list[Utterance]:
    """The sentences of one voice, as corpus.py wrote them."""
    held = np.load(file)
    facts = json.loads(str(held["facts"]))
    ends = np.cumsum(held["lengths"])
    sounds = np.split(held["pcm"], ends[:-1])
    return [Utterance(text, pcm, [Phone(*p) for p in phones]) for text, pcm, phones in zip(facts["texts"], sounds, facts["phones"])]

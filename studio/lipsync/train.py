"""
Trains the network on what mix.py made; the development voices choose the checkpoint.

    python studio/lipsync/train.py --out WORK --minutes 60 [--start models/lipsync/lipsync.onnx] [--name train]

Stops and goes on where it was: the same command again. Without --start it begins with nothing.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch

from data import BANDS
from measure import closure_f1, jaw_correlation
from model import DELAYS, LipSync, from_onnx, rest
from shapes import INDEX, JAW
from voices import TRAINED

_ROWS, _BATCH = 160, 32
# Rows at the start of a crop that only warm the memory up.
_WARM_ROWS = 10
_RATE, _RATE_END = 1.5e-3, 2e-5
_HEAD_WEIGHTS = (0.6, 0.6, 1.4, 1.4)
_JAW_WEIGHT, _SHUT_WEIGHT, _BITE_WEIGHT = 10.0, 3.0, 1.0
# The mean of recent weights is what is measured and kept.
_MEAN_DECAY = 0.998
_FLOOR = (math.log(1e-3) - 1) / 4
# Head by which a checkpoint is chosen: that of 80 ms, which the origin shows.
_CHOSEN_HEAD = 2
_EVERY_S = 120
# As origin/lipsync/settle.ts smooths and snaps; its gate is left out.
_SMOOTHING, _SNAP_FROM, _SNAP_TO = 0.25, 0.35, 0.95


class Crops:
    """Pieces of the training sound, other in every batch."""

    def __init__(self, file: Path, rng: np.random.Generator) -> None:
        held = np.load(file)
        self._mel, self._mouth, self._rng = held["mel"], held["mouth"], rng
        weights = {voice.key: voice.weight for voice in TRAINED}
        each = np.repeat([weights[key] for key in held["keys"]], held["lengths"])[: len(self._mouth) - _ROWS]
        self._shares = np.cumsum(each / each.sum())

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        starts = np.searchsorted(self._shares, self._rng.random(_BATCH)).clip(0, len(self._shares) - 1)
        mel = np.stack([self._mel[2 * s : 2 * (s + _ROWS)] for s in starts]).astype(np.float32)
        mouth = np.stack([self._mouth[s : s + _ROWS] for s in starts]).astype(np.float32)
        return torch.from_numpy(self._other_throats(mel)), torch.from_numpy(mouth)

    def _other_throats(self, mel: np.ndarray) -> np.ndarray:
        """Formants moved unevenly, harmonics blurred, bands lost, another level."""
        rng = self._rng
        maps = np.zeros((_BATCH, BANDS, BANDS), np.float32)
        for one in maps:
            at = np.arange(BANDS, dtype=np.float64)
            if rng.random() < 0.7:
                at = np.interp(at, [0, 10, 20, 30, 39], np.array([0, 10, 20, 30, 39]) * rng.uniform(0.9, 1.12) + rng.normal(0, 0.7, 5))
            at = at.clip(0, BANDS - 1.001)
            low = at.astype(int)
            one[low, np.arange(BANDS)] += 1 - (at - low)
            one[low + 1, np.arange(BANDS)] += at - low
            if rng.random() < 0.3:
                blur = rng.uniform(0, 0.3)
                one[:, 1:-1] = (1 - 2 * blur) * one[:, 1:-1] + blur * (one[:, :-2] + one[:, 2:])
        mel = mel @ maps
        for one in mel:
            if rng.random() < 0.25:
                band, width = rng.integers(0, BANDS - 4), rng.integers(1, 5)
                one[:, band : band + width] = one[:, band : band + 1]
            if rng.random() < 0.15:
                row, length = rng.integers(0, 2 * _ROWS - 16), rng.integers(2, 14)
                one[row : row + length] = one[row]
        return np.maximum(mel + rng.uniform(-0.5, 0.3, (_BATCH, 1, 1)).astype(np.float32), _FLOOR)


def loss_of(logits: torch.Tensor, mouth: torch.Tensor) -> torch.Tensor:
    """Cross entropy with the mouth, and what shows most: jaw, closed lips, bitten lip."""
    jaw = torch.tensor(JAW)
    total = torch.zeros(())
    for head, (delay, weight) in enumerate(zip(DELAYS, _HEAD_WEIGHTS)):
        heard = logits[:, _WARM_ROWS + delay :, head]
        known = mouth[:, _WARM_ROWS : mouth.shape[1] - delay]
        likely = torch.log_softmax(heard, -1)
        shown = likely.exp()
        entropy = -(known * likely).sum(-1).mean()
        error = _JAW_WEIGHT * (((shown - known) @ jaw) ** 2).mean()
        for viseme, share in (("PP", _SHUT_WEIGHT), ("FF", _BITE_WEIGHT)):
            error = error + share * ((shown - known)[..., INDEX[viseme]] ** 2).mean()
        total = total + weight * (entropy + error)
    return total / sum(_HEAD_WEIGHTS)


def settled(rows: np.ndarray) -> np.ndarray:
    """Smoothed, and likely closures shut."""
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    mouth = (1 - 2 * _SMOOTHING) * rows + _SMOOTHING * (padded[:-2] + padded[2:])
    height = padded[:, INDEX["PP"]]
    peaks = np.flatnonzero((height[1:-1] >= _SNAP_FROM) & (height[1:-1] >= height[:-2]) & (height[1:-1] > height[2:]))
    for peak in peaks:
        first = peak - 1 if height[peak] > height[peak + 2] else peak
        for row, to in ((first - 1, 0.5), (first, 1), (first + 1, 1), (first + 2, 0.5)):
            if 0 <= row < len(mouth) and (has := mouth[row, INDEX["PP"]]) < (wanted := to * _SNAP_TO):
                by = (wanted - has) / (1 - has)
                mouth[row] *= 1 - by
                mouth[row, INDEX["PP"]] += by
    return mouth


class Development:
    """Sentences of voices that are not learned from."""

    def __init__(self, file: Path) -> None:
        held = np.load(file)
        ends = np.cumsum(held["lengths"])
        mouths = np.split(held["mouth"].astype(np.float32), ends[:-1])
        mels = np.split(held["mel"].astype(np.float32), 2 * ends[:-1])
        self._said = [(str(key), mel, mouth) for key, mel, mouth in zip(held["keys"], mels, mouths)]

    def measure(self, model: LipSync, head: int) -> dict[str, tuple[float, float]]:
        """Jaw correlation and closure F1 by voice."""
        delay = DELAYS[head]
        longest = max(len(mouth) for _, _, mouth in self._said) + delay
        mels = np.full((len(self._said), 2 * longest, BANDS), _FLOOR, np.float32)
        for padded, (_, mel, _) in zip(mels, self._said):
            padded[: len(mel)] = mel
        with torch.no_grad():
            logits = model(torch.from_numpy(mels), *rest(len(mels)))[0][:, delay:, head]
        by_voice: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        for rows, (key, _, mouth) in zip(torch.softmax(logits, -1).numpy(), self._said):
            heard, known = by_voice.setdefault(key, ([], []))
            heard.append(settled(rows[: len(mouth)].copy()))
            known.append(mouth)
        return {key: (jaw_correlation(heard, known), closure_f1(heard, known)) for key, (heard, known) in by_voice.items()}


def mean(figures: dict[str, tuple[float, float]]) -> tuple[float, float]:
    jaw, f1 = np.mean(list(figures.values()), 0)
    return float(jaw), float(f1)


class Training:
    """A run that was begun, or one that goes on from its last checkpoint."""

    def __init__(self, work: Path, folder: Path, start: Path | None) -> None:
        self._folder = folder
        self._model = from_onnx(start) if start else LipSync()
        self._steady = LipSync().eval()
        self._steady.load_state_dict(self._model.state_dict())
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=_RATE, weight_decay=1e-2)
        self._step, self._spent, self._best = 0, 0.0, -1.0
        if (folder / "last.pt").exists():
            held = torch.load(folder / "last.pt", weights_only=True)
            self._model.load_state_dict(held["model"])
            self._steady.load_state_dict(held["steady"])
            self._optimizer.load_state_dict(held["optimizer"])
            self._step, self._spent, self._best = held["step"], held["spent"], held["best"]
        torch.manual_seed(self._step)
        self._crops = Crops(work / "trained.npz", np.random.default_rng(self._step))
        self._development = Development(work / "development.npz")
        self._losses: list[float] = []

    def run(self, minutes: float) -> None:
        """@param minutes: of processor time, over all runs; a pause costs none"""
        if self._step == 0:
            self._keep()
        at, kept_at = time.process_time(), self._spent
        while self._spent < minutes * 60:
            self._learn(self._spent / (minutes * 60))
            now = time.process_time()
            self._spent, at = self._spent + now - at, now
            if self._spent - kept_at >= _EVERY_S:
                self._keep()
                at, kept_at = time.process_time(), self._spent
        self._keep()

    def _learn(self, done: float) -> None:
        rate = _RATE_END + (_RATE - _RATE_END) * min(1, (self._step + 1) / 300) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        mel, mouth = self._crops.batch()
        self._model.train()
        loss = loss_of(self._model(mel, *rest(_BATCH))[0], mouth)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1)
        self._optimizer.step()
        self._losses.append(loss.item())
        self._step += 1
        with torch.no_grad():
            for slow, fast in zip(self._steady.parameters(), self._model.parameters()):
                slow.lerp_(fast, 1 - min(_MEAN_DECAY, self._step / (self._step + 10)))

    def _keep(self) -> None:
        figures = {DELAYS[head] * 20: mean(self._development.measure(self._steady, head)) for head in range(len(DELAYS))}
        jaw, f1 = figures[DELAYS[_CHOSEN_HEAD] * 20]
        told = {
            "step": self._step,
            "minutes": round(self._spent / 60, 2),
            "loss": round(float(np.mean(self._losses)), 4) if self._losses else None,
            "jaw_f1": {ms: [round(value, 3) for value in pair] for ms, pair in figures.items()},
        }
        with (self._folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(told) + "\n")
        print(json.dumps(told), flush=True)
        self._losses = []
        if jaw + f1 > self._best:
            self._best = jaw + f1
            torch.save({"steady": self._steady.state_dict(), "step": self._step, "jaw": jaw, "f1": f1}, self._folder / "best.pt")
        weights = {"model": self._model.state_dict(), "steady": self._steady.state_dict(), "optimizer": self._optimizer.state_dict()}
        torch.save({**weights, "step": self._step, "spent": self._spent, "best": self._best}, self._folder / "last.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with what mix.py made")
    parser.add_argument("--minutes", type=float, default=60, help="of processor time in all, over all runs")
    parser.add_argument("--start", type=Path, help="an exported network to go on from")
    parser.add_argument("--name", default="train", help="folder of the checkpoints in the work folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    folder = args.out / args.name
    folder.mkdir(exist_ok=True)
    (args.out / "pid").write_text(str(os.getpid()))
    Training(args.out, folder, args.start).run(args.minutes)


if __name__ == "__main__":
    main()

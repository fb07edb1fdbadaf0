"""
Trains the detector on what mix.py made, and writes it for origin/ears.

    python studio/vad/train.py --out WORK --file models/vad/vad.safetensors [--minutes 6]
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from features import BANDS
from torch import nn

WIDTH, MEMORY = 24, 32
# Rows of 20 ms by which an answer trails its sound: what tells a bang from a word.
DELAY = 2
_ROWS, _BATCH = 300, 32
# A floor like that of features.py, after a change of level.
_FLOOR = (math.log(1e-3) - 1) / 4
# Weight of speech against the rest: false starts cost more than late ones.
_SPEECH_WEIGHT = 0.6


class Detector(nn.Module):
    """Log-mel frames [batch, 2 T, 40] to logits [batch, T]; every layer looks back only."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv1d(BANDS, WIDTH, 3)
        self.halve = nn.Conv1d(WIDTH, WIDTH, 4, stride=2)
        self.memory = nn.GRU(WIDTH, MEMORY, batch_first=True)
        self.decide = nn.Linear(MEMORY, 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.narrow(nn.functional.pad(mel.transpose(1, 2), (2, 0))))
        x = torch.relu(self.halve(nn.functional.pad(x, (2, 0))))
        return self.decide(self.memory(x.transpose(1, 2))[0])[..., 0]


def certainty(said: np.ndarray) -> np.ndarray:
    """Weight of each row: those beside a change of label count less, where exactly speech begins is a matter of taste."""
    change = np.abs(np.diff(said, prepend=said[:1]))
    near = np.convolve(change, np.ones(3), "same") > 0
    return np.where(near, 0.3, 1.0).astype(np.float32)


def train(heard: np.ndarray, said: np.ndarray, minutes: float) -> Detector:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    weight = certainty(said)
    begun, losses, step = time.monotonic(), [], 0
    while (done := (time.monotonic() - begun) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * done)) + 3e-5
        starts = rng.integers(0, len(said) - _ROWS, _BATCH)
        mel = np.stack([heard[2 * s : 2 * (s + _ROWS)] for s in starts]).astype(np.float32)
        # another level, and now and then digital silence in front of whatever comes
        mel = np.maximum(mel + rng.uniform(-0.4, 0.4, (_BATCH, 1, 1)).astype(np.float32), _FLOOR)
        target = np.stack([said[s : s + _ROWS] for s in starts])
        for i in np.flatnonzero(rng.random(_BATCH) < 0.3):
            cut = rng.integers(20, 120)
            mel[i, : 2 * cut] = _FLOOR
            target[i, :cut] = 0
        loss = nn.functional.binary_cross_entropy_with_logits(
            model(torch.from_numpy(mel))[:, DELAY:],
            torch.from_numpy(target)[:, :-DELAY],
            weight=torch.from_numpy(np.stack([weight[s : s + _ROWS] for s in starts]))[:, :-DELAY],
            pos_weight=torch.tensor(_SPEECH_WEIGHT),
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 200 == 0:
            print(f"{step} steps, {time.monotonic() - begun:.0f} s, loss {np.mean(losses[-200:]):.4f}", flush=True)
    return model


def write_safetensors(tensors: dict[str, np.ndarray], facts: dict[str, str], file: Path) -> None:
    """The layout of huggingface.co/docs/safetensors: length of the header, header, values."""
    header: dict[str, object] = {"__metadata__": facts}
    values = b""
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(text).to_bytes(8, "little") + text + values)


def export(model: Detector, file: Path) -> None:
    """Convolutions as [out, tap, in], so that one output reads its inputs in a row."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    tensors = {
        "narrow.weight": state["narrow.weight"].transpose(0, 2, 1), "narrow.bias": state["narrow.bias"],
        "halve.weight": state["halve.weight"].transpose(0, 2, 1), "halve.bias": state["halve.bias"],
        "memory.input": state["memory.weight_ih_l0"], "memory.input_bias": state["memory.bias_ih_l0"],
        "memory.state": state["memory.weight_hh_l0"], "memory.state_bias": state["memory.bias_hh_l0"],
        "decide.weight": state["decide.weight"], "decide.bias": state["decide.bias"],
    }  # fmt: skip
    write_safetensors(tensors, {"delay_rows": str(DELAY)}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with mixed.npz")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    mixed = np.load(args.out / "mixed.npz")
    model = train(mixed["heard"], mixed["said"], args.minutes)
    torch.save(model.state_dict(), args.out / "vad.pt")
    export(model, args.file)
    # what the origin's own arithmetic is compared with
    rng = np.random.default_rng(1)
    mel = rng.uniform(-2, 1, (1, 120, BANDS)).astype(np.float32)
    with torch.no_grad():
        logits = model(torch.from_numpy(mel))[0].numpy()
    np.savez(args.out / "reference.npz", mel=mel[0], logits=logits)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {args.file.stat().st_size} bytes")


if __name__ == "__main__":
    main()

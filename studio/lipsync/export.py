"""
Writes the chosen checkpoint as ONNX, with the inputs and outputs that origin/lipsync/net-worker.ts knows, and checks it.

    python studio/lipsync/export.py --out WORK --file models/lipsync/lipsync.onnx [--name train]
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from data import BANDS
from model import LipSync, rest

sys.path.append(str(Path(__file__).resolve().parents[1]))
from quiet_onnxruntime import onnxruntime

OPSET = 17
# Largest difference between torch and onnxruntime, of logits.
_TOLERANCE = 1e-3
_STATE = ("c1", "c2", "h")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the checkpoints")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--name", default="train", help="folder of the checkpoints in the work folder")
    args = parser.parse_args()
    held = torch.load(args.out / args.name / "best.pt", weights_only=True)
    model = LipSync()
    model.load_state_dict(held["steady"])
    model.eval()
    with warnings.catch_warnings():
        # this exporter announces its successor
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, 8, BANDS), *rest(1)), str(args.file), input_names=["mel", *_STATE],
            output_names=["logits", *(f"{name}o" for name in _STATE)], dynamic_axes={"mel": {1: "T"}, "logits": {1: "T2"}},
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    onnx.checker.check_model(str(args.file), full_check=True)
    print(f"step {held['step']}, {args.file.stat().st_size} bytes, differs from torch by {_difference(model, args.file):.1e}")


def _difference(model: LipSync, file: Path) -> float:
    """Two pieces with the state carried between them against torch in one. @raises RuntimeError when they are not the same"""
    mel = np.random.default_rng(0).uniform(-2, 1, (1, 100, BANDS)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    state = [tensor.numpy() for tensor in rest(1)]
    pieces = []
    for piece in (mel[:, :36], mel[:, 36:]):
        logits, *state = session.run(None, {"mel": piece, **dict(zip(_STATE, state))})
        pieces.append(logits)
    with torch.no_grad():
        whole = model(torch.from_numpy(mel), *rest(1))[0].numpy()
    difference = float(np.abs(np.concatenate(pieces, 1) - whole).max())
    if difference > _TOLERANCE:
        raise RuntimeError(f"onnxruntime differs from torch by {difference}")
    return difference


if __name__ == "__main__":
    main()

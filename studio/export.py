"""
Writes a trained decoder as ONNX and checks that onnxruntime draws what torch draws.

    python studio/export.py mouth --out WORK --file mouth.onnx
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from decoder import CONFIGS, Decoder, flops
from quiet_onnxruntime import onnxruntime

OPSET = 17
# Largest difference between torch and onnxruntime, of 1.
_TOLERANCE = 2e-3


def trained(layer: str, out: Path) -> Decoder:
    config = CONFIGS[layer]
    state = torch.load(out / f"train-{layer}" / "checkpoint.pt", map_location="cpu", weights_only=True)["average"]
    model = Decoder(config, state["rest"][0], state["textures"])
    model.load_state_dict(state)
    return model.eval()


def session(file: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def export(layer: str, out: Path, file: Path) -> dict[str, float]:
    """Returns what was measured: bytes, GFLOP, largest difference, milliseconds a patch on one core alone and in a batch of 8."""
    model = trained(layer, out)
    file.parent.mkdir(parents=True, exist_ok=True)
    axes = {"params": {0: "batch"}, "patch": {0: "batch"}}
    with warnings.catch_warnings():
        # this exporter writes GridSample of opset 17 without a rewrite; it announces its successor
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(2, len(model.config.inputs)),), str(file), input_names=["params"], output_names=["patch"],
                          dynamic_axes=axes, opset_version=OPSET, dynamo=False)  # fmt: skip
    onnx.checker.check_model(str(file), full_check=True)
    run = session(file)
    params = np.random.default_rng(0).dirichlet(np.full(len(model.config.inputs) + 1, 0.5), 8)[:, 1:].astype(np.float32)
    with torch.no_grad():
        difference = float(np.abs(run.run(None, {"params": params})[0] - model(torch.tensor(params)).numpy()).max())
    if difference > _TOLERANCE:
        raise RuntimeError(f"onnxruntime differs from torch by {difference}")

    def milliseconds(batch: int) -> float:
        times = []
        for _ in range(12):
            begun = time.perf_counter()
            run.run(None, {"params": params[:batch]})
            times.append(time.perf_counter() - begun)
        return float(np.median(times[2:]) * 1000 / batch)

    return {
        "bytes": file.stat().st_size, "gflop": flops(model.config) / 1e9, "difference": difference,
        "ms_alone": milliseconds(1), "ms_batch_8": milliseconds(8),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("layer", choices=sorted(CONFIGS))
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the training")
    parser.add_argument("--file", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(export(args.layer, args.out, args.file)))


if __name__ == "__main__":
    main()

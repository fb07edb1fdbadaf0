"""
Adds models in half precision to a pack, for accelerators, and says how far they are from the others.

    python studio/half.py avatars/avatar_1
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx

from export import session
from quiet_onnxruntime import convert_float_to_float16

_FACES = 24
# dB below which half precision would show.
_ENOUGH = 50.0


def halve(file: Path, to: Path) -> dict[str, float]:
    """Returns PSNR over faces (mean, lowest) and the largest difference in levels of 255, as the CPU runs it."""
    onnx.save(convert_float_to_float16(onnx.load(file), keep_io_types=True), to)
    full, half = session(file), session(to)
    inputs = full.get_inputs()[0].shape[1]
    params = np.random.default_rng(0).dirichlet(np.full(inputs + 1, 0.4), _FACES)[:, 1:].astype(np.float32) * 1.1
    off = half.run(None, {"params": params})[0] - full.run(None, {"params": params})[0]
    psnr = [float(-10 * np.log10(np.mean(face**2))) for face in off]
    return {
        "psnr_mean": round(float(np.mean(psnr)), 1),
        "psnr_lowest": round(min(psnr), 1),
        "levels": round(float(np.abs(off).max() * 255), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("pack", type=Path)
    args = parser.parse_args()
    manifest = json.loads((args.pack / "manifest.json").read_text())
    for layer in manifest["layers"]:
        model = layer["model"]
        if model["kind"] != "decoder":
            continue
        name = model["file"].removesuffix(".onnx") + ".half.onnx"
        figures = halve(args.pack / model["file"], args.pack / name)
        print(layer["name"], json.dumps(figures))
        if figures["psnr_lowest"] < _ENOUGH:
            raise RuntimeError(f"{name} is too far from the model in full precision; it is not used")
        model["half"] = name
    (args.pack / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()

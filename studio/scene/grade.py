"""
The fixed grade of all pictures, over what Cycles wrote.

    python studio/scene/grade.py DATA/base/portrait_1024.png DATA/atlas/*.png --to GRADED
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

# Strength and middle of the contrast curve, and factors of brightness and colourfulness.
_CONTRAST, _MIDDLE, _BRIGHTNESS, _COLOURS = 2.0, 0.45, 1.01, 1.06


def grade(picture: np.ndarray) -> np.ndarray:
    """[h, w, 3], 0..1"""
    curve = lambda x: 1 / (1 + np.exp(_CONTRAST * (_MIDDLE - x)))
    low, high = curve(0.0), curve(1.0)
    out = (curve(picture) - low) / (high - low)
    grey = out.mean(-1, keepdims=True)
    return np.clip(_BRIGHTNESS * (grey + _COLOURS * (out - grey)), 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    for file in args.files:
        graded = grade(np.asarray(Image.open(file).convert("RGB"), np.float64) / 255)
        Image.fromarray(np.rint(255 * graded).astype(np.uint8)).save(args.to / file.name)


if __name__ == "__main__":
    main()

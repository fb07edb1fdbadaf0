"""
Shows a pack speaking, drawn as the server draws it.

    python studio/preview.py avatars/avatar_1 --phones phones.txt --strip strip.png [--video out.mp4 --sound speech.wav]

`phones.txt`: what `flite -voice slt -psdur -t TEXT -o speech.wav` prints: name:end in seconds, apart by spaces.
"""

import argparse
import subprocess
from itertools import cycle
from pathlib import Path

import numpy as np

from face_params import FACE_PARAMS
from motion import FPS
from pack import Pack
from pictures import save, to_bytes
from speech import segments_of_phones, track

# Share of the frame that the strip shows around the face: left, top, right, bottom.
_CLOSE = (0.30, 0.24, 0.74, 0.68)


def read_phones(text: str) -> list[tuple[str, float]]:
    return [(name, float(end)) for name, end in (item.rsplit(":", 1) for item in text.split())]


def faces_of_phones(phones: list[tuple[str, float]], tail: float = 0.3) -> np.ndarray:
    """Face vectors [frames, FACE_PARAMS], with `tail` seconds of rest after the end."""
    weights = track(segments_of_phones(phones), FPS, phones[-1][1] + tail)
    faces = np.zeros((len(weights), len(FACE_PARAMS)), np.float32)
    faces[:, : weights.shape[1]] = weights
    return faces


def speaking(pack: Pack, faces: np.ndarray, clip: str = "idle", start: int = 0) -> list[np.ndarray]:
    """Frames of the faces over the clip, from its frame `start` on."""
    frames = list(pack.frames(clip))
    turn = cycle(range(len(frames)))
    for _ in range(start):
        next(turn)
    return [pack.show(frames[i], clip, i, face) for i, face in zip(turn, faces)]


def tile(frames: list[np.ndarray], columns: int) -> np.ndarray:
    rows = [np.concatenate(frames[i : i + columns], 1) for i in range(0, len(frames), columns)]
    width = rows[0].shape[1]
    return np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0))) for r in rows])


def close_up(frame: np.ndarray) -> np.ndarray:
    n = len(frame)
    left, top, right, bottom = (round(n * share) for share in _CLOSE)
    return frame[top:bottom, left:right]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--phones", type=Path, required=True)
    parser.add_argument("--strip", type=Path, help="PNG or JPEG of consecutive frames")
    parser.add_argument("--first", type=int, default=0, help="first frame of the strip")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--sound", type=Path)
    parser.add_argument("--clip", default="idle")
    args = parser.parse_args()
    frames = speaking(Pack(args.pack), faces_of_phones(read_phones(args.phones.read_text())), args.clip)
    if args.strip:
        save(args.strip, tile([close_up(p) for p in frames[args.first : args.first + args.count]], 4))
    if args.video:
        size = len(frames[0])
        command = [
            "ffmpeg",
            "-y",
            "-loglevel",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            f"{size}x{size}",
            "-r",
            str(FPS),
            "-i",
            "-",
        ]
        command += ["-i", str(args.sound), "-c:a", "aac"] if args.sound else []
        command += ["-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", str(args.video)]
        subprocess.run(command, input=b"".join(to_bytes(p).tobytes() for p in frames), check=True)


if __name__ == "__main__":
    main()

"""Reads a pack and draws from it as the server does: the clip's frame, the layers whose face differs pasted over it."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export import session
from face_params import FACE_PARAMS, VISEMES
from paste import GRID, paste
from pictures import load
from quiet_onnxruntime import onnxruntime

# ffmpeg's quick conversion darkens by a level.
_EXACT = ("-sws_flags", "accurate_rnd+full_chroma_int+bicubic")


@dataclass
class PackLayer:
    name: str
    inputs: list[str]
    gain: float
    mask: np.ndarray  # 0..1 [h, w]
    placements: dict[str, np.ndarray]
    model: onnxruntime.InferenceSession

    def draw(self, face: np.ndarray) -> np.ndarray:
        """Face vector (gain not yet applied) -> patch [h, w, 3], 0..255."""
        return self.draw_all(face[None])[0]

    def draw_all(self, faces: np.ndarray) -> np.ndarray:
        gain = np.array([self.gain if name in VISEMES[1:] else 1.0 for name in self.inputs])
        params = faces[:, [FACE_PARAMS.index(name) for name in self.inputs]] * gain
        patch = self.model.run(None, {"params": params.astype(np.float32)})[0]
        return patch.transpose(0, 2, 3, 1) * 255


class Pack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.size: int = self.manifest["size"]
        self.clips: dict[str, dict] = self.manifest["clips"]
        self.tracks = {name: self._floats(clip["tracks"], len(FACE_PARAMS)) for name, clip in self.clips.items()}
        self.layers = [
            PackLayer(
                layer["name"], layer["model"]["inputs"], layer["model"]["viseme_gain"], load(folder / layer["mask"], "L").astype(np.float32) / 255,
                {clip: self._floats(file, 4 + 2 * GRID * GRID) for clip, file in layer["placements"].items()}, session(folder / layer["model"]["file"]),
            )
            for layer in self.manifest["layers"]
        ]  # fmt: skip

    def _floats(self, file: str, columns: int) -> np.ndarray:
        return np.fromfile(self.folder / file, "<f4").reshape(-1, columns)

    def layer(self, name: str) -> PackLayer:
        return next(layer for layer in self.layers if layer.name == name)

    def frames(self, clip: str) -> Iterator[np.ndarray]:
        """The clip's frames, float32 [size, size, 3]."""
        command = [
            "ffmpeg",
            "-loglevel",
            "error",
            "-threads",
            "1",
            "-i",
            str(self.folder / self.clips[clip]["file"]),
            *_EXACT,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as decoder:
            assert decoder.stdout is not None
            while len(raw := decoder.stdout.read(self.size * self.size * 3)):
                yield np.frombuffer(raw, np.uint8).reshape(self.size, self.size, 3).astype(np.float32)

    def show(self, frame: np.ndarray, clip: str, index: int, face: np.ndarray) -> np.ndarray:
        """A face over a frame of a clip: visemes are the face's, the rest adds to the clip's own; layers that change nothing are left out."""
        track = self.tracks[clip][index]
        mixed = face + track
        mixed[: len(VISEMES)] = face[: len(VISEMES)]
        blink = FACE_PARAMS.index("blink")
        mixed[blink] = max(face[blink], track[blink])
        mixed = np.clip(mixed, -1, 1)
        out = frame.copy()
        for layer in self.layers:
            columns = [FACE_PARAMS.index(name) for name in layer.inputs]
            if np.abs(mixed[columns] - track[columns]).max() > 0:
                paste(out, layer.placements[clip][index], layer.draw(mixed), layer.mask)
        return out

"""Renders the looped clips of a pack, their tracks and placements."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from head_motion import HeadMotion
from motion import FPS, ClipMotion
from paste import paste, placement_row
from pictures import to_bytes
from regions import Region

# H.264 quality: low enough that a drawn patch over the clip cannot be told from the clip.
CRF = 12

# Face vector -> patch [h, w, 3], 0..255.
Drawer = Callable[[np.ndarray], np.ndarray]


def render_clip(
    motion: ClipMotion, head: HeadMotion, portrait: np.ndarray, layers: list[tuple[Region, np.ndarray, Drawer]], size: int, file: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """
    Writes the clip and returns the placements of each layer, float32 [frames, 4 + 2 * 16 * 16].

    Every frame is the moved portrait with the layers' patches pasted through their placements, which is how the server draws
    her: what it pastes later fits the clip by construction.
    """
    placements: dict[str, list[np.ndarray]] = {region.name: [] for region, _, _ in layers}
    encoder = subprocess.Popen(
        ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size}x{size}", "-r", str(FPS), "-i", "-",
         "-sws_flags", "accurate_rnd+full_chroma_int+full_chroma_inp+lanczos", "-c:v", "libx264", "-preset", "slow", "-threads", "1", "-crf", str(CRF), "-pix_fmt", "yuv420p", "-g", "50",
         "-movflags", "+faststart", str(file)],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert encoder.stdin is not None
    for i, stance in enumerate(motion.stances):
        frame = head.picture(portrait, stance, size)
        displacement = head.displacement(stance)
        for region, mask, draw in layers:
            row = placement_row(region, mask, displacement, size)
            paste(frame, row, draw(motion.tracks[i]), mask)
            placements[region.name].append(row)
        encoder.stdin.write(to_bytes(frame).tobytes())
        progress(i + 1)
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise RuntimeError(f"ffmpeg could not write {file}")
    return {name: np.stack(rows) for name, rows in placements.items()}

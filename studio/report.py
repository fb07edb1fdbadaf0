"""
Judges a pack: against ray-traced poses that training never saw, against its own clips, and by pictures for the eye.

    python studio/report.py avatars/avatar_1 --data DATA --to studio/report

Writes report.json and pictures: every viseme, the held-out poses beside the truth, "Bob met Mama five times", idle over its loop.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from atlas import Atlas
from face_params import FACE_PARAMS, VISEME_GAIN, VISEMES, face_of_pose
from geometry import Geometry
from pack import Pack, PackLayer
from pairs import HELD_OUT
from paste import seen_patch
from pictures import load, psnr, save, ssim
from preview import close_up, faces_of_phones, read_phones, tile
from raster import sample
from regions import MOUTH

# The mouth region that is compared: what was ray-traced of every mouth pose, less its feathered border; crop pixels.
_COMPARED = (108, 190, 304, 380)
# "Bob met Mama five times" as the embedded English voice says it, and the frames shown of it.
_BOB = (
    "pau:0.193 b:0.224 aa:0.435 b:0.486 m:0.558 eh:0.711 t:0.752 m:0.809 aa:0.981 m:1.059 ax:1.094 f:1.197 ay:1.385 v:1.435 "
    "t:1.497 ay:1.796 m:1.894 z:2.071 pau:2.202"
)
_BOB_FIRST, _BOB_COUNT = 10, 12
_CLOSED = ("b", "p", "m")


def face_vector(face: dict[str, float]) -> np.ndarray:
    """Face values -> vector; visemes are divided by the gain that the pack applies."""
    out = np.zeros(len(FACE_PARAMS), np.float32)
    for name, value in face.items():
        out[FACE_PARAMS.index(name)] = value / VISEME_GAIN if name in VISEMES else value
    return out


def truth(data: Path, atlas: Atlas, name: str) -> np.ndarray:
    """A ray-traced crop resampled to the mouth's patch."""
    crop = load(data / "atlas" / f"{name}.png").astype(np.float32)
    return sample(crop, MOUTH.pixels(3) - (atlas.x, atlas.y)).reshape(MOUTH.height, 3, MOUTH.width, 3, 3).mean((1, 3))


def opening(patch: np.ndarray) -> float:
    """
    How open a drawn mouth is: the share of the lips' box that is neither skin nor lip, that is dark (inside of the mouth) or
    pale grey (teeth).
    """
    x, y, w, h = MOUTH.detail
    box = patch[y + 8 : y + h - 30, x + 20 : x + w - 20]
    light, colour = box.mean(-1), box.max(-1) - box.min(-1)
    return float(((light < 78) | ((colour < 34) & (light < 215))).mean())


def held_out(layer: PackLayer, data: Path, atlas: Atlas) -> tuple[dict[str, dict[str, float]], list[np.ndarray]]:
    p = MOUTH.pixels() - (atlas.x, atlas.y)
    left, top, right, bottom = _COMPARED
    rows = np.flatnonzero((p[:, 0, 1] > top) & (p[:, 0, 1] < bottom))
    columns = np.flatnonzero((p[0, :, 0] > left) & (p[0, :, 0] < right))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scores, pictures = {}, []
    for name in HELD_OUT:
        real = truth(data, atlas, name)[box]
        drawn = np.clip(layer.draw(face_vector(face_of_pose(name, atlas.poses[name])))[box], 0, 255)
        scores[name] = {"psnr": round(psnr(drawn, real), 2), "ssim": round(ssim(drawn, real), 4)}
        pictures.append(np.concatenate([real, drawn, np.clip(128 + 4 * (drawn - real), 0, 255)], 1))
    return scores, pictures


def closures(layer: PackLayer, data: Path, atlas: Atlas) -> dict[str, object]:
    """Opening of drawn and ray-traced shapes, and at the middle of every P, B and M of the sentence."""
    shapes = {name: round(opening(layer.draw(face_vector({name: VISEME_GAIN}))), 4) for name in VISEMES}
    traced = {name: round(opening(truth(data, atlas, name)), 4) for name in VISEMES}
    phones = read_phones(_BOB)
    faces = faces_of_phones(phones)
    start, found = 0.0, []
    for phone, end in phones:
        if phone in _CLOSED:
            at = round((start + end) / 2 * 25 - 0.5)
            found.append(round(opening(layer.draw(faces[at])), 4))
        start = end
    open_mouth = shapes["aa"]
    return {
        "drawn": shapes,
        "ray_traced": traced,
        "bob_met_mama": found,
        "closed": sum(v < 0.06 * open_mouth for v in found),
        "of": len(found),
    }


def seams(pack: Pack) -> dict[str, dict[str, float]]:
    """The rest drawn over each frame of each clip against the frame itself, levels of 255: inside the mask and at its rim."""
    out = {}
    for clip in pack.clips:
        sums: dict[str, list[tuple[float, float]]] = {layer.name: [] for layer in pack.layers}
        steps, first, last = [], None, None
        for i, frame in enumerate(pack.frames(clip)):
            for layer in pack.layers:
                box, drawn, alpha = seen_patch(layer.placements[clip][i], layer.draw(pack.tracks[clip][i]), layer.mask)
                difference = np.abs(alpha * (np.clip(drawn, 0, 255) - frame[box])).mean(-1)
                a = alpha[..., 0]
                sums[layer.name].append((difference[a > 0.5].mean(), difference[(a > 0.02) & (a < 0.5)].mean()))
            if last is not None:
                steps.append(np.abs(frame - last).mean())
            first = frame if first is None else first
            last = frame
        found = {
            f"{name}_{what}": round(float(np.mean([v[k] for v in values])), 3)
            for name, values in sums.items()
            for k, what in enumerate(("mean", "rim"))
        }
        found |= {f"{name}_worst_frame": round(float(np.max([v[0] for v in values])), 3) for name, values in sums.items()}
        assert first is not None and last is not None
        found |= {"step": round(float(np.median(steps)), 3), "loop_step": round(float(np.abs(first - last).mean()), 3)}
        out[clip] = found
    return out


def timing(layer: PackLayer) -> dict[str, float]:
    faces = np.random.default_rng(0).dirichlet(np.full(len(FACE_PARAMS), 0.5), 8).astype(np.float32)
    out = {}
    for batch in (1, 8):
        times = []
        for _ in range(14):
            begun = time.perf_counter()
            layer.draw_all(faces[:batch])
            times.append(time.perf_counter() - begun)
        out[f"ms_batch_{batch}"] = round(float(np.median(times[3:]) * 1000 / batch), 2)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with atlas/, base/ and geometry/")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    pack = Pack(args.pack)
    mouth = pack.layer("mouth")
    atlas = Atlas(args.data / "atlas", Geometry(args.data / "geometry" / "face.npz"), HELD_OUT)
    scores, compared = held_out(mouth, args.data, atlas)
    save(args.to / "held-out.png", tile(compared, 2))
    idle = list(pack.frames("idle"))
    shapes = [close_up(pack.show(idle[0], "idle", 0, face_vector({name: VISEME_GAIN}))) for name in VISEMES]
    save(args.to / "shapes.jpg", tile(shapes, 5))
    expressions = [
        {n: v}
        for n, v in (
            ("jaw", 1),
            ("smile", 1),
            ("brow_up", 1),
            ("brow_down", 1),
            ("blink", 0.5),
            ("blink", 1),
            ("gaze_x", 1),
            ("gaze_x", -1),
            ("gaze_y", 1),
            ("gaze_y", -1),
        )
    ]
    save(
        args.to / "expressions.jpg",
        tile([close_up(pack.show(idle[0], "idle", 0, face_vector({"sil": VISEME_GAIN} | e))) for e in expressions], 5),
    )
    faces = faces_of_phones(read_phones(_BOB))[_BOB_FIRST : _BOB_FIRST + _BOB_COUNT]
    save(args.to / "bob.jpg", tile([close_up(pack.show(idle[i], "idle", i, f)) for i, f in enumerate(faces, _BOB_FIRST)], 4))
    save(args.to / "idle.jpg", tile([p[::2, ::2] for p in idle[:: len(idle) // 12][:12]], 4))
    report = {
        "held_out": scores,
        "psnr_mean": round(float(np.mean([s["psnr"] for s in scores.values()])), 2), "psnr_lowest": min(s["psnr"] for s in scores.values()),
        "ssim_mean": round(float(np.mean([s["ssim"] for s in scores.values()])), 4), "ssim_lowest": min(s["ssim"] for s in scores.values()),
        "closure": closures(mouth, args.data, atlas),
        "seams": seams(pack),
        "timing": {layer.name: timing(layer) for layer in pack.layers},
        "bytes": {str(f.relative_to(args.pack)): f.stat().st_size for f in sorted(args.pack.rglob("*")) if f.is_file()},
    }  # fmt: skip
    report["total_bytes"] = sum(report["bytes"].values())
    (args.to / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "bytes"}, indent=1))


if __name__ == "__main__":
    main()

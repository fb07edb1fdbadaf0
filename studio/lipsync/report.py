"""
How well the mouth follows voices that the network did not learn from, as the origin shows it: its resampling, gate, smoothing and snapping.

    python studio/lipsync/report.py --out WORK --model models/lipsync/lipsync.onnx --set kept_out [--noise-db 10] [--json FILE]
"""

import argparse
import base64
import json
import subprocess
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from data import noise, read
from measure import closure_f1, jaw_correlation
from mouth import FPS, mouth_of, units_of
from say import RATE, Utterance
from shapes import VISEMES
from voices import SETS, Voice

# What sessions carry, Hz.
_SESSION_RATE = 24_000
_PEAK = 0.5
_NET = Path(__file__).resolve().parents[2] / "origin" / "lipsync" / "net.ts"
_SCRIPT = """
import { readFileSync } from 'node:fs'
const sounds = JSON.parse(readFileSync(0, 'utf8'))
const { createLipSync } = await import(process.argv[1])
const lipSync = await createLipSync({ modelPath: process.argv[2] })
const mouths = []
for (const sound of sounds) {
  const bytes = Buffer.from(sound, 'base64')
  const stream = lipSync.open()
  const rows = [...(await stream.push(new Int16Array(Uint8Array.from(bytes).buffer))), ...(await stream.flush())]
  mouths.push(Buffer.from(Float32Array.from(rows).buffer).toString('base64'))
}
await lipSync.close()
process.stdout.write(JSON.stringify(mouths))
"""


def heard(model: Path, sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Mouths [rows, 15] of sounds at RATE, by the origin's own code."""
    said = []
    for x in sounds:
        at_session_rate = resample_poly(x, 3, 2)
        said.append(base64.b64encode(np.round(np.clip(at_session_rate, -1, 1) * 32767).astype("<i2").tobytes()).decode())
    command = ["node", "-e", _SCRIPT, str(_NET), str(model.resolve())]
    done = subprocess.run(command, input=json.dumps(said), stdout=subprocess.PIPE, text=True, check=True)
    return [np.frombuffer(base64.b64decode(rows), "<f4").reshape(-1, len(VISEMES)) for rows in json.loads(done.stdout)]


def measured(model: Path, voice: Voice, said: list[Utterance], noise_db: float | None) -> dict[str, float]:
    rng = np.random.default_rng(5)
    sounds, known = [], []
    for one in said:
        x = one.pcm / 32768
        x = x / np.abs(x).max() * _PEAK
        duration = len(x) / RATE
        known.append(mouth_of(units_of(voice.engine, voice.language, one.phones, duration), duration))
        sounds.append(x if noise_db is None else x + noise(rng, len(x)) * x.std() * 10 ** (-noise_db / 20))
    mouths = [rows[: len(right)] for rows, right in zip(heard(model, sounds), known)]
    right = [right[: len(rows)] for rows, right in zip(mouths, known)]
    likely = np.concatenate([(a.argmax(1) == b.argmax(1)) for a, b in zip(mouths, right)])
    return {
        "seconds": round(sum(len(rows) for rows in right) / FPS),
        "jaw": round(jaw_correlation(mouths, right), 3),
        "closure_f1": round(closure_f1(mouths, right), 3),
        "viseme": round(float(likely.mean()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the corpus")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, default="development")
    parser.add_argument("--noise-db", type=float, help="signal to noise, dB; clean without it")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    figures = {}
    for voice in SETS[args.set]:
        file = args.out / "corpus" / args.set / f"{voice.key}.npz"
        if file.exists():
            figures[voice.key] = measured(args.model, voice, read(file), args.noise_db)
            print(voice.key, figures[voice.key], flush=True)
    figures["mean"] = {name: round(float(np.mean([f[name] for f in figures.values()])), 3) for name in ("jaw", "closure_f1", "viseme")}
    print("mean", figures["mean"])
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

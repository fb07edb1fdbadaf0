"""
Compares targets and features with the origin's own TypeScript, on the sentences of one English voice.

    python studio/lipsync/check.py --out WORK [--voice flite_slt] [--count 20]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from data import log_mel, read
from mouth import mouth_of, units_of
from say import RATE
from voices import TRAINED

_ORIGIN = Path(__file__).resolve().parents[2] / "origin" / "lipsync"
_SCRIPT = """
import { readFileSync } from 'node:fs'
const said = JSON.parse(readFileSync(0, 'utf8'))
const { mouthFromPhones } = await import(process.argv[1] + '/phones.ts')
const { logMel, HISTORY } = await import(process.argv[1] + '/log-mel.ts')
const made = said.map(({ phones, durationS, pcm }) => ({
  mouth: [...mouthFromPhones(phones, durationS)],
  mel: [...logMel(Int16Array.from([...new Array(HISTORY).fill(0), ...pcm]))],
}))
process.stdout.write(JSON.stringify(made))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder, with the corpus")
    parser.add_argument("--voice", default="flite_slt")
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    voice = next(voice for voice in TRAINED if voice.key == args.voice)
    said = read(args.out / "corpus" / "trained" / f"{voice.key}.npz")[: args.count]
    jobs = [
        {
            "phones": [{"name": p.name, "startS": p.start_s, "endS": p.end_s} for p in one.phones],
            "durationS": len(one.pcm) / RATE,
            "pcm": one.pcm.tolist(),
        }
        for one in said
    ]
    done = subprocess.run(["node", "-e", _SCRIPT, str(_ORIGIN)], input=json.dumps(jobs), stdout=subprocess.PIPE, text=True, check=True)
    worst = {"mouth": 0.0, "mel": 0.0}
    for one, made in zip(said, json.loads(done.stdout)):
        duration = len(one.pcm) / RATE
        ours = {"mouth": mouth_of(units_of(voice.engine, voice.language, one.phones, duration), duration), "mel": log_mel(one.pcm / 32767)}
        for name, values in ours.items():
            theirs = np.array(made[name]).reshape(values.shape)
            worst[name] = max(worst[name], float(np.abs(theirs - values).max()))
    print(f"{len(said)} sentences of {voice.key}; largest difference: mouth {worst['mouth']:.1e}, log-mel {worst['mel']:.1e}")
    sys.exit(worst["mouth"] > 1e-5 or worst["mel"] > 1e-3)


if __name__ == "__main__":
    main()

"""
Every voice says its sentences: one file per voice with sound, phones and their times.

    python studio/lipsync/corpus.py --out WORK [--scale 1] [--only flite_]

A voice whose file is there is left alone.
"""

import argparse
import json
import random
import time
import zlib
from pathlib import Path

import numpy as np

from say import RATE, say
from texts import Texts
from voices import SETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, required=True, help="work folder")
    parser.add_argument("--scale", type=float, default=1, help="of the number of sentences")
    parser.add_argument("--only", default="", help="voices whose key begins so")
    args = parser.parse_args()
    begun = time.monotonic()
    for part, (name, voices) in enumerate(SETS.items()):
        folder = args.out / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for voice in voices:
            file = folder / f"{voice.key}.npz"
            if file.exists() or not voice.key.startswith(args.only):
                continue
            rng = random.Random(zlib.crc32(voice.key.encode()))
            texts = Texts(voice.language, part, rng)
            said = say(voice, [texts.sentence() for _ in range(round(voice.count * args.scale))], rng)
            if not said:
                print(f"{voice.key}: says nothing, is its package installed?", flush=True)
                continue
            phones = [[(p.name, p.start_s, p.end_s) for p in one.phones] for one in said]
            lengths = [len(one.pcm) for one in said]
            facts = json.dumps({"phones": phones, "texts": [one.text for one in said]})
            np.savez(file, pcm=np.concatenate([one.pcm for one in said]), lengths=lengths, facts=facts)
            print(f"{name} {voice.key}: {len(said)} sentences, {sum(lengths) / RATE:.0f} s, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()

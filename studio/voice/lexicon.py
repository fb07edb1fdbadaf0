"""Makes models/voice/lexicon-us.txt.gz and lexicon-uk.txt.gz from misaki's tables: gold wins over silver, what says the same twice is
left out.

    pip download --no-deps misaki==0.9.4 && unzip misaki-0.9.4-py3-none-any.whl
    python studio/voice/lexicon.py misaki/data --to models/voice
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

SHA256 = {
    "us_gold.json": "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
    "us_silver.json": "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
    "gb_gold.json": "29e62f4b60261c88f7f3c2c7811ca3825978948090b72d2b27d565b729282f71",
    "gb_silver.json": "48131e2d92ccc41655f4543e87e0f938e71463eb5a54be7f0693bb712ebb6bce",
}
ACCENTS = {"us": "us", "uk": "gb"}


def read(path: Path) -> dict:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[path.name]:
        raise SystemExit(f"{path} is not the file that this was written for")
    return json.loads(data)


def plain(value):
    """Without tags that have no sound, and without tags that all sound the same."""
    if isinstance(value, str):
        return value
    sounds = {tag: sound for tag, sound in value.items() if sound and sound != value["DEFAULT"]}
    return {"DEFAULT": value["DEFAULT"], **sounds} if sounds else value["DEFAULT"]


def twin(word: str) -> str:
    """The same word as it is found in the other case: a reader tries both."""
    return word.lower() if word != word.lower() else word.capitalize()


def merged(gold: dict, silver: dict) -> dict:
    words = {word: plain(value) for word, value in gold.items()}
    for word, value in silver.items():
        if word not in words and twin(word) not in gold:
            words[word] = plain(value)
    return {
        word: value
        for word, value in words.items()
        if word.strip("-") == word and (word == word.lower() or words.get(word.lower()) != value)
    }


def line(word: str, value) -> str:
    if isinstance(value, str):
        return f"{word}\t{value}\n"
    rest = "".join(f" {tag}={sound}" for tag, sound in sorted(value.items()) if tag != "DEFAULT")
    return f"{word}\t{value['DEFAULT']}{rest}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="misaki/data")
    parser.add_argument("--to", type=Path, required=True, help="folder")
    args = parser.parse_args()
    for accent, table in ACCENTS.items():
        words = merged(*(read(args.folder / f"{table}_{part}.json") for part in ("gold", "silver")))
        text = "".join(line(word, words[word]) for word in sorted(words, key=str.encode))
        path = args.to / f"lexicon-{accent}.txt.gz"
        # no name and no time in the header: the same input makes the same file
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        print(f"{path}: {len(words)} words, {len(text.encode())} bytes, {path.stat().st_size} packed")


if __name__ == "__main__":
    main()

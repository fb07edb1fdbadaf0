"""The poses of the atlas: shape weights over the resting face, and which part of the crop each changes."""

from person import VISEMES

# Of the 1024 portrait: left, top, width, height of the crop.
RECTANGLE = (333, 270, 400, 440)
# Full strength of a viseme; half of it is an in-between.
FULL, HALF = 1.1, 0.55
# Parts of the crop: left, top, right, bottom.
_ALL, _MOUTH, _WIDE_MOUTH, _EYES, _FACE = (0, 0, 400, 440), (98, 180, 314, 390), (62, 162, 342, 420), (50, 10, 370, 140), (60, 50, 350, 390)
_MIXTURES = "aa+ou aa+ih aa+E oh+E aa+PP ou+PP aa+DD aa+nn aa+kk ih+SS ou+CH aa+FF E+RR oh+nn"


def _both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


def _smile(amount: float) -> dict[str, float]:
    return _both("mouthSmile", 0.45 * amount) | _both("cheekSquint", 0.35 * amount) | _both("eyeSquint", 0.25 * amount)


def poses() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"sil": {}}
    found |= {viseme: {viseme: FULL} for viseme in VISEMES}
    found |= {f"{viseme}_055": {viseme: HALF} for viseme in VISEMES}
    found |= {f"blink_{round(100 * amount):03}": _both("eyeBlink", amount) for amount in (1.0, 0.7, 0.35)}
    for pair in _MIXTURES.split():
        a, b = pair.split("+")
        found[f"mix_{a}_{b}"] = {a: HALF, b: HALF}
    found |= {"smile_080": _smile(0.8)} | {f"smile_080_{viseme}": _smile(0.8) | {viseme: 0.8} for viseme in ("aa", "E", "ih")}
    found["browsUp_080"] = {"browInnerUp": 0.64} | _both("browOuterUp", 0.56) | _both("eyeWide", 0.2)
    found["browDown_050"] = _both("browDown", 0.5)
    found["lookLeft_050"] = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    found["lookRight_050"] = {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}
    return found | {"lookUp_050": _both("eyeLookUp", 0.5), "lookDown_050": _both("eyeLookDown", 0.5)}


def traced(name: str) -> tuple[int, int, int, int]:
    """The part of the crop that a pose changes; the rest is the resting face, warped."""
    if name in ("sil", "aa"):
        return _ALL if name == "sil" else _WIDE_MOUTH
    if name.startswith("smile"):
        return _FACE
    return (
        _EYES
        if name.split("_", maxsplit=1)[0] in ("blink", "browsUp", "browDown", "lookLeft", "lookRight", "lookUp", "lookDown")
        else _MOUTH
    )

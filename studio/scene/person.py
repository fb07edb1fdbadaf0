"""Who she is: the body as a mix of public morphs, the resting face, and where every part is for any face shape. Decimetres, y up, z to the front."""

import json
from pathlib import Path

import numpy as np

from formats import Fitted, Target, read_fitted, read_obj, read_target

# --- her -------------------------------------------------------------------------------------------------------------

AGE, WEIGHT, MUSCLE, PROPORTIONS = 29, 0.47, 0.5, 0.9
ORIGINS = {"caucasian": 0.60, "asian": 0.25, "african": 0.15}
# Signed amounts: the sign picks one of a pair of morphs; "l-" names act on both sides.
DETAILS = {
    "chin/chin-width": -0.35, "head/head-oval": 0.35, "eyes/l-eye-scale": 0.34, "mouth/mouth-upperlip-volume": 0.25,
    "mouth/mouth-lowerlip-volume": 0.2, "mouth/mouth-angles": 0.25, "nose/nose-width2": -0.15, "nose/nose-scale-vert": -0.1,
    "cheek/l-cheek-bones": 0.2, "cheek/l-cheek-volume": 0.2, "eyebrows/eyebrows-trans": 0.15, "eyebrows/eyebrows-angle": 0.55,
    "neck/neck-scale-horiz": -0.2, "neck/neck-scale-depth": -0.15, "asym/asym-brown-1-l": 0.12, "asym/asym-mouth-1-r": 0.1,
    "asym/asym-nose-1-l": 0.12,
}  # fmt: skip
RESTING = {
    "mouthSmileLeft": 0.46, "mouthSmileRight": 0.49, "eyeSquintLeft": 0.06, "eyeSquintRight": 0.06, "cheekSquintLeft": 0.23,
    "cheekSquintRight": 0.23, "browInnerUp": 0.18, "mouthClose": 0.12, "browOuterUpLeft": 0.08, "browOuterUpRight": 0.08,
}  # fmt: skip
# Degrees.
ARMS_DOWN, YAW, ROLL, PITCH = 34.0, 4.0, -1.5, 1.0
# Where teeth and tongue of this face sit better than in the assets.
TEETH_OFFSET, TONGUE_OFFSET = np.array((0, -0.034, 0.030)), np.array((0, -0.015, 0.020))

# --- faces -----------------------------------------------------------------------------------------------------------

VISEMES = ["PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"]
_ASSET_NAMES = {"ih": "viseme_I", "oh": "viseme_O", "ou": "viseme_U"}
# A smile fights these shapes more than others.
_ROUND = {"oh", "ou", "CH", "PP", "FF"}
# Her larger eyes are shut at this share of the asset's blink.
_BLINK = 0.69
# Shapes whose tongue only follows the jaw: the assets push it through the chin.
_JAW_ONLY = {"jawOpen", "viseme_aa", "viseme_O", "viseme_E", "viseme_PP", "viseme_nn"}
_TONGUE_FOLLOWS = 0.92


def morph_weights(shapes: dict[str, float]) -> dict[str, float]:
    """Oculus visemes and ARKit shapes of a face -> weights of the assets' morphs, resting face included. Linear in `shapes`."""
    spoken = {name: weight for name, weight in shapes.items() if name in VISEMES}
    rounded = sum(weight for name, weight in spoken.items() if name in _ROUND)
    spread = sum(spoken.values()) - rounded
    weights = dict(RESTING)
    for side in ("Left", "Right"):
        weights[f"mouthSmile{side}"] *= 1 - 0.5 * spread - 0.9 * rounded
    # the resting lips are sealed; only closures keep that
    weights["mouthClose"] *= 1 - 0.8 * (spread + rounded - spoken.get("PP", 0))
    for name, weight in spoken.items():
        weights[_ASSET_NAMES.get(name, f"viseme_{name}")] = weight
    # the asset's TH shows no tongue
    weights["tongueOut"] = 0.45 * spoken.get("TH", 0)
    for name, weight in shapes.items():
        if name not in VISEMES:
            weights[name] = weights.get(name, 0) + weight * (_BLINK if name.startswith("eyeBlink") else 1)
    return weights


def smoothstep(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def turned(points: np.ndarray, centre: np.ndarray, degrees: np.ndarray, axis: tuple[int, int, int]) -> np.ndarray:
    """Each point by its own angle about an axis through `centre` (Rodrigues' formula)."""
    k, p, angle = np.array(axis, float), points - centre, np.radians(degrees)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return centre + p * c + np.cross(k, p) * s + (p @ k)[:, None] * k * (1 - c)


def to_metres(points: np.ndarray) -> np.ndarray:
    """Decimetres, y up, z front -> metres, z up, -y front: Blender's."""
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1) * 0.1


class Person:
    """`assets`: folder with mpfb/src/mpfb/data, assets/base and th/final-talkinghead as their projects lay them out (see studio/README.md)."""

    def __init__(self, assets: Path) -> None:
        self.assets = assets
        data = assets / "mpfb" / "src" / "mpfb" / "data"
        self._targets = data / "targets"
        self.body = read_obj(data / "3dobjs" / "base.obj")
        self._groups = json.loads((data / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())
        self.neutral = self.body.vertices.copy()
        for target, weight in (*self._macros(), *self._details()):
            target.add_to(self.neutral, weight)
        self._morphs = {file.stem: read_target(file) for file in sorted((assets / "th" / "final-talkinghead").glob("*.target"))}
        self.shapes = VISEMES + [name for name in self._morphs if not name.startswith("viseme_")]
        joint = lambda name: self.neutral[self.group(f"joint-{name}")].mean(0)
        self.neck, head = joint("neck"), joint("head")
        self._shoulders = {1: joint("l-shoulder"), -1: joint("r-shoulder")}
        reach = (self.neutral[:, 1] - (self.neck[1] - 0.25)) / (head[1] - self.neck[1] + 0.1)
        self.head_share = smoothstep(reach) * (np.abs(self.neutral[:, 0]) < 1.3)
        self._tongue, self._lower_teeth = self.group("helper-tongue"), self.group("helper-lower-teeth")
        self._own_tongue = {name: self._tongue_of(name) for name in self._morphs}
        base = assets / "assets" / "base"
        fitted = {"teeth": "teeth/teeth_base", "tongue": "tongue/tongue01", "lashes": "eyelashes/eyelashes01", "brows": "eyebrows/eyebrow001",
                  "suit": "clothes/male_casualsuit05"}  # fmt: skip
        self.parts: dict[str, Fitted] = {name: read_fitted(base / path / f"{Path(path).name}.mhclo") for name, path in fitted.items()}

    def group(self, name: str) -> np.ndarray:
        return np.concatenate([np.arange(first, last + 1) for first, last in self._groups[name]])

    def _macros(self) -> list[tuple[Target, float]]:
        old = (AGE - 25) / 65
        mixed: list[tuple[str, float]] = []
        for age, of_age in (("young", 1 - old), ("old", old)):
            mixed += [(f"{origin}-female-{age}", share * of_age) for origin, share in ORIGINS.items()]
            thin = max(0.0, 1 - 2 * WEIGHT)
            for build, of_build in (("minweight", thin), ("averageweight", 1 - thin)):
                name = f"female-{age}-averagemuscle-{build}"
                mixed.append((f"universal-{name}", of_age * of_build))
                mixed.append((f"proportions/{name}-idealproportions", of_age * of_build * (2 * PROPORTIONS - 1)))
        return [(read_target(self._targets / "macrodetails" / f"{name}.target"), weight) for name, weight in mixed if weight > 1e-4]

    def _details(self) -> list[tuple[Target, float]]:
        found = []
        for name, amount in DETAILS.items():
            for side in {name, name.replace("/l-", "/r-")}:
                found.append((read_target(self._detail_file(side, amount > 0)), abs(amount)))
        return found

    def _detail_file(self, name: str, more: bool) -> Path:
        endings = ["", *(f"-{pair[more]}" for pair in (("decr", "incr"), ("down", "up"), ("compress", "uncompress")))]
        for ending in endings:
            file = self._targets / f"{name}{ending}.target"
            if file.exists() or file.with_name(file.name + ".gz").exists():
                return file
        raise FileNotFoundError(f"no morph {name} for {'more' if more else 'less'} of it in {self._targets}")

    def at(self, shapes: dict[str, float]) -> np.ndarray:
        """All vertices of the base mesh with its helpers, posed."""
        weights = {name: weight for name, weight in morph_weights(shapes).items() if weight and name in self._morphs}
        v = self.neutral.copy()
        for name, weight in weights.items():
            self._morphs[name].add_to(v, weight)
        jaw = (v[self._lower_teeth] - self.neutral[self._lower_teeth]).mean(0)
        v[self._tongue] = self.neutral[self._tongue] + _TONGUE_FOLLOWS * jaw
        for name, weight in weights.items():
            if name not in _JAW_ONLY:
                v[self._tongue] += weight * self._own_tongue[name]
        return self._posed(v)

    def _tongue_of(self, morph: str) -> np.ndarray:
        """What a morph does to the tongue beyond what it does to the lower teeth."""
        move = np.zeros_like(self.neutral)
        self._morphs[morph].add_to(move, 1.0)
        tongue, teeth = move[self._tongue], move[self._lower_teeth]
        touched = np.abs(tongue).max(1) > 0
        moved = teeth[np.abs(teeth).max(1) > 0]
        return np.where(touched[:, None], tongue - (moved.mean(0) if len(moved) else 0), 0)

    def _posed(self, v: np.ndarray) -> np.ndarray:
        for side, shoulder in self._shoulders.items():
            outwards = (self.neutral[:, 0] * side - 0.55 * abs(shoulder[0])) / (0.75 * abs(shoulder[0]))
            v = turned(v, shoulder, -ARMS_DOWN * side * smoothstep(outwards), (0, 0, 1))
        for degrees, axis in ((YAW, (0, 1, 0)), (ROLL, (0, 0, 1)), (PITCH, (1, 0, 0))):
            v = turned(v, self.neck, degrees * self.head_share, axis)
        return v

    def part(self, name: str, body: np.ndarray) -> np.ndarray:
        """Vertices of a fitted mesh on a body of `at`."""
        offset = {"teeth": TEETH_OFFSET, "tongue": TONGUE_OFFSET}.get(name, 0)
        return self.parts[name].on(body) + offset

    def eye(self, side: str) -> tuple[np.ndarray, float]:
        """Centre and radius, metres; 'l' is hers, the picture's right."""
        p = self.at({})[self.group(f"helper-{side}-eye")]
        return to_metres((p.min(0) + p.max(0))[None] / 2)[0], float(np.ptp(p[:, 0]) + np.ptp(p[:, 1])) / 40

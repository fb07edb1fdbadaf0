"""The face vector of the project (the same order as shared/face.ts) and what each value means in shapes of the geometry."""

VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"]
EXPRESSIONS = ["jaw", "smile", "brow_up", "brow_down", "blink", "gaze_x", "gaze_y"]
FACE_PARAMS = VISEMES + EXPRESSIONS

# What the layers of a pack listen to. 'sil' is what remains when nothing else is set.
MOUTH_INPUTS = VISEMES[1:] + ["jaw", "smile"]
EYES_INPUTS = ["smile", "brow_up", "brow_down", "blink", "gaze_x", "gaze_y"]

# Viseme weights of speech sum to 1; the shapes read as speech at this multiple (the renders are made with it).
VISEME_GAIN = 1.1

# Share of the rounded shapes in a viseme: a smile fights them, so it gives way.
_ROUND = {"oh": 0.6, "ou": 0.6, "CH": 0.6, "PP": 0.6, "FF": 0.6}


def _both(shape: str, weight: float) -> dict[str, float]:
    return {shape + "Left": weight, shape + "Right": weight}


def shape_weights(face: dict[str, float]) -> dict[str, float]:
    """
    Face values -> weights of the geometry's shapes, which are linear.

    Visemes are taken as they are (gain included by the caller). Full values: jaw 0.45 of jawOpen; smile 0.8 of a broad smile;
    brow_up and brow_down as far as the renders go; blink closes the lids; gaze +-1 is 14 degrees sideways, 12 up or down,
    + to the picture's right and up (the character's left is the picture's right).
    """
    get = face.get
    out = {v: get(v, 0.0) for v in VISEMES[1:] if get(v, 0.0)}
    smile = get("smile", 0.0)
    if smile:
        lips = smile * (1 - min(1.0, sum(share * get(v, 0.0) for v, share in _ROUND.items())))
        out |= _both("mouthSmile", 0.36 * lips) | _both("cheekSquint", 0.28 * smile) | _both("eyeSquint", 0.20 * smile)
    if get("jaw", 0.0):
        out["jawOpen"] = 0.45 * get("jaw", 0.0)
    up, down = get("brow_up", 0.0), get("brow_down", 0.0)
    if up:
        out |= {"browInnerUp": 0.64 * up} | _both("browOuterUp", 0.56 * up) | _both("eyeWide", 0.2 * up)
    if down:
        out |= _both("browDown", 0.5 * down)
    if get("blink", 0.0):
        out |= _both("eyeBlink", get("blink", 0.0))
    x, y = 0.5 * get("gaze_x", 0.0), 0.5 * get("gaze_y", 0.0)
    if x > 0:
        out |= {"eyeLookOutLeft": x, "eyeLookInRight": x}
    elif x < 0:
        out |= {"eyeLookInLeft": -x, "eyeLookOutRight": -x}
    if y > 0:
        out |= _both("eyeLookUp", y)
    elif y < 0:
        out |= _both("eyeLookDown", -y)
    return out


_POSE_EXPRESSIONS = {
    "smile_080": {"smile": 1.0}, "blink_035": {"blink": 0.35}, "blink_070": {"blink": 0.7}, "blink_100": {"blink": 1.0},
    "browsUp_080": {"brow_up": 1.0}, "browDown_050": {"brow_down": 1.0}, "lookLeft_050": {"gaze_x": 1.0},
    "lookRight_050": {"gaze_x": -1.0}, "lookUp_050": {"gaze_y": 1.0}, "lookDown_050": {"gaze_y": -1.0},
}  # fmt: skip


def face_of_pose(name: str, shapes: dict[str, float]) -> dict[str, float]:
    """The face values (gain included) whose `shape_weights` are those of a ray-traced pose of the atlas."""
    face = {v: weight for v, weight in shapes.items() if v in VISEMES}
    for start, expression in _POSE_EXPRESSIONS.items():
        if name.startswith(start):
            face |= expression
    return face

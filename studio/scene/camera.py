"""The one camera of all pictures."""

import numpy as np

from person import Person, to_metres

SIZE = 1024
LENS_MM, SENSOR_MM = 150.0, 36.0
# Metres from the head's middle line, and how far below the eyes it aims.
_DISTANCE, _DROP = 1.75, 0.06


def place(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Where it stands and the point that it aims at, metres."""
    height = float(to_metres(person.at({})[person.group("helper-l-eye")]).mean(0)[2])
    return np.array((0, -_DISTANCE, height)), np.array((0, 0, height - _DROP))


def matrices(person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K, R, t: x_cam = R x + t (x right, y down, z forward), pixel = K x_cam / z."""
    eye, aim = place(person)
    forward = (aim - eye) / np.linalg.norm(aim - eye)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    focal = LENS_MM / SENSOR_MM * SIZE
    return np.array([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1.0]]), rotation, -rotation @ eye

"""
The mouth that known sounds make: origin/lipsync/phones.ts in numpy, so that the network learns what the origin shows.

`python studio/lipsync/check.py` compares the two.
"""

import math
from dataclasses import dataclass

import numpy as np

from say import Phone
from shapes import INDEX, VISEMES, shapes_of

FPS = 50
_SIL = INDEX["sil"]
# sil PP FF TH DD kk CH SS nn RR aa E ih oh ou
_STRENGTH = [0.9, 2.2, 2, 1.2, 0.55, 0.45, 1.5, 1, 0.5, 1, 1.1, 1, 0.9, 1.2, 1.4]
_DECAY = [22, 40, 36, 28, 26, 24, 20, 26, 26, 20, 17, 17, 17, 16, 15]
_FLAT_SHARE, _FLAT_SHARE_PAUSE = 0.25, 0.5
_SHORT_S, _SHORT_FACTOR = 0.045, 0.8
_REACH_S = 0.3
_CONTACT = {INDEX["PP"]: 0.97, INDEX["FF"]: 0.88}
_HOLD_SHARE, _MIN_HOLD_S, _RAMP_S = 0.25, 0.021, 0.045
_REST_PAUSE_S, _CLOSING_S, _OPENING_S = 0.15, 0.1, 0.08


@dataclass
class Unit:
    viseme: int
    start_s: float
    end_s: float


def units_of(engine: str, language: str, phones: list[Phone], duration_s: float) -> list[Unit]:
    """Shapes in order without gaps; equal neighbours are one."""
    units: list[Unit] = []

    def add(viseme: str, start_s: float, end_s: float) -> None:
        if units and units[-1].viseme == INDEX[viseme]:
            units[-1].end_s = end_s
        elif end_s > start_s:
            units.append(Unit(INDEX[viseme], start_s, end_s))

    breath_from: float | None = None
    at = 0.0
    for phone in phones:
        if phone.start_s > at + 1e-3:
            add("sil", at, phone.start_s)
        at = max(at, phone.end_s)
        shares = shapes_of(engine, language, phone.name)
        if shares is None:
            breath_from = phone.start_s if breath_from is None else breath_from
            continue
        if not shares and units:
            units[-1].end_s = phone.end_s
        start = breath_from if breath_from is not None and shares and shares[0][0] != "sil" else phone.start_s
        breath_from = None
        covered = 0.0
        for viseme, share in shares:
            covered += share
            until = phone.start_s + (phone.end_s - phone.start_s) * covered
            add(viseme, start, until)
            start = until
    if duration_s > at + 1e-3:
        add("sil", at, duration_s)
    return units


def mouth_of(units: list[Unit], duration_s: float) -> np.ndarray:
    """[ceil(duration * 50), 15], rows sum to 1."""
    rows = max(0, math.ceil(duration_s * FPS - 1e-6))
    mouth = _blend(units, rows)
    for i, unit in enumerate(units):
        if unit.viseme == _SIL:
            _rest(mouth, unit, is_first=i == 0, is_last=i == len(units) - 1)
    for i, unit in enumerate(units):
        _contact(mouth, unit, units[i - 1] if i else None, units[i + 1] if i + 1 < len(units) else None)
    return mouth


def _blend(units: list[Unit], rows: int) -> np.ndarray:
    mouth = np.zeros((rows, len(VISEMES)))
    for unit in units:
        length = unit.end_s - unit.start_s
        middle = (unit.start_s + unit.end_s) / 2
        flat = length * (_FLAT_SHARE_PAUSE if unit.viseme == _SIL else _FLAT_SHARE)
        peak = _STRENGTH[unit.viseme] * (1 if unit.viseme == _SIL or length > _SHORT_S else _SHORT_FACTOR)
        start = max(0, math.floor((middle - flat - _REACH_S) * FPS))
        end = min(rows, math.ceil((middle + flat + _REACH_S) * FPS) + 1)
        distance = np.maximum(0, np.abs(np.arange(start, end) / FPS - middle) - flat)
        column = mouth[start:end, unit.viseme]
        np.maximum(column, peak * np.exp(-_DECAY[unit.viseme] * distance), out=column)
    total = mouth.sum(1)
    mouth[total < 1e-4] = np.eye(len(VISEMES))[_SIL]
    return mouth / mouth.sum(1, keepdims=True)


def _rows(mouth: np.ndarray, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows from one time to another, and their times."""
    start, end = max(0, math.ceil(start_s * FPS)), min(len(mouth), math.floor(end_s * FPS) + 1)
    return mouth[start:end], np.arange(start, max(start, end)) / FPS


def _pull(rows: np.ndarray, viseme: int, by: np.ndarray) -> None:
    rows *= 1 - by[:, None]
    rows[:, viseme] += by


def _smooth_step(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def _rest(mouth: np.ndarray, unit: Unit, *, is_first: bool, is_last: bool) -> None:
    length = unit.end_s - unit.start_s
    if length <= _REST_PAUSE_S and not is_first and not is_last:
        return
    available = max(0, length - 1 / FPS) if is_last else length - (0 if is_first else 1 / FPS)
    closing = 0 if is_first else min(_CLOSING_S, available if is_last else available * 0.55)
    opening = 0 if is_last else min(_OPENING_S, available if is_first else available * 0.45)
    rows, times = _rows(mouth, unit.start_s, unit.end_s)
    since_start = _smooth_step((times - unit.start_s) / closing) if closing else np.ones(len(times))
    before_end = _smooth_step((unit.end_s - times) / opening) if opening else np.ones(len(times))
    _pull(rows, _SIL, np.minimum(since_start, before_end))


def _contact(mouth: np.ndarray, unit: Unit, before: Unit | None, after: Unit | None) -> None:
    target = _CONTACT.get(unit.viseme)
    if target is None:
        return
    middle = (unit.start_s + unit.end_s) / 2
    hold = max(_MIN_HOLD_S, (unit.end_s - unit.start_s) * _HOLD_SHARE)
    start = unit.start_s if before and before.viseme in _CONTACT else middle - hold - _RAMP_S
    end = unit.end_s if after and after.viseme in _CONTACT else middle + hold + _RAMP_S
    rows, times = _rows(mouth, start, end)
    wanted = target * _smooth_step(1 - np.maximum(0, np.abs(times - middle) - hold) / _RAMP_S)
    has = rows[:, unit.viseme].copy()
    _pull(rows, unit.viseme, np.where(wanted > has, (wanted - has) / np.maximum(1e-9, 1 - has), 0))

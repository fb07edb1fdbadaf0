"""One frame or sound as one binary message (`media="binary"`): a header of 40 bytes, little endian, then the payload."""

import base64
import struct
from dataclasses import dataclass
from typing import Any, Dict, Union, cast

from ._wav import read_wav
from .types import AudioEvent, FrameEvent

# version, kind, reserved, seq, frame_id, generation, timestamp, pts_ms, sample_rate, samples
HEADER = struct.Struct("<BBHIIIddII")
SEQ = struct.Struct("<4xI")
VERSION = 1
FRAME, CLAUSE, CHUNK = 1, 2, 3


@dataclass(frozen=True)
class MediaEvent:
    """One frame or sound, however it travelled. Sound is 16-bit little-endian mono PCM."""

    kind: str
    """`frame` or `sound`."""
    data: bytes
    """JPEG of a frame; PCM of sound."""
    timestamp: float
    """Unix seconds, on the server's clock, at which it is due."""
    generation: int
    """Rises with every interrupt; what is older is to be dropped."""
    frame_id: int = 0
    """Of a frame; 0 for sound."""
    pts_ms: float = 0.0
    """ms from the first sample of its task; 0 for a frame."""
    sample_rate: int = 0
    """Hz; 0 for a frame."""
    type: str = "media"


class BinaryMedia:
    """A binary message, read. Raises ValueError when it is none of this version."""

    def __init__(self, message: bytes) -> None:
        if len(message) < HEADER.size:
            raise ValueError("media message shorter than its header")
        version, kind, _, self.seq, self._frame_id, self._generation, *rest = HEADER.unpack_from(message)
        self._timestamp, self._pts_ms, self._sample_rate, self._samples = rest
        if version != VERSION or kind not in (FRAME, CLAUSE, CHUNK):
            raise ValueError("media message of an unknown version or kind")
        self._kind = kind
        self._payload = message[HEADER.size :]

    def media(self) -> MediaEvent:
        if self._kind == FRAME:
            return MediaEvent("frame", self._payload, self._timestamp, self._generation, frame_id=self._frame_id)
        wav = read_wav(self._payload) if self._kind == CLAUSE else None
        data = wav.data if wav else self._payload
        about = (self._timestamp, self._generation)
        return MediaEvent("sound", data, *about, pts_ms=self._pts_ms, sample_rate=self._sample_rate)

    def event(self, session_id: str) -> Union[FrameEvent, AudioEvent]:
        """The event that the message would have been as JSON."""
        common: Dict[str, Any] = {
            "seq": self.seq,
            "session_id": session_id,
            "generation": self._generation,
            "timestamp": self._timestamp,
            "data": base64.b64encode(self._payload).decode("ascii"),
        }
        if self._kind == FRAME:
            return cast(FrameEvent, {**common, "type": "frame", "frame_id": self._frame_id})
        sound = {
            "type": "audio",
            "format": "wav" if self._kind == CLAUSE else "pcm_s16le",
            "duration": self._samples / self._sample_rate if self._sample_rate else 0.0,
            "sample_rate": self._sample_rate,
            "pts_ms": self._pts_ms,
        }
        return cast(AudioEvent, {**common, **sound})


def media_of_frame(event: FrameEvent) -> MediaEvent:
    data = base64.b64decode(event["data"])
    return MediaEvent("frame", data, event["timestamp"], event.get("generation", 0), frame_id=event["frame_id"])


def media_of_audio(event: AudioEvent) -> MediaEvent:
    data = base64.b64decode(event["data"])
    wav = read_wav(data) if event["format"] == "wav" else None
    return MediaEvent(
        "sound",
        wav.data if wav else data,
        event["timestamp"],
        event.get("generation", 0),
        pts_ms=event["pts_ms"],
        sample_rate=event["sample_rate"],
    )

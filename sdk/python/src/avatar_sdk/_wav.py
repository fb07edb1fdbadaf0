"""RIFF WAVE taken apart and put together."""

import struct
from typing import NamedTuple, Optional

CHUNK_HEAD = struct.Struct("<4sI")


class WavParts(NamedTuple):
    format: bytes
    """The `fmt ` chunk, with its 8-byte head."""
    data: bytes
    """The samples."""
    block_align: int
    """Bytes of one sample of every channel."""


def read_wav(content: bytes) -> Optional[WavParts]:
    """None when it is no WAV, or not a whole one."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    fmt: Optional[bytes] = None
    at = 12
    while at + 8 <= len(content):
        name, size = CHUNK_HEAD.unpack_from(content, at)
        if name == b"fmt " and size >= 16 and at + 8 + size <= len(content):
            fmt = content[at : at + 8 + size]
        elif name == b"data" and fmt is not None:
            (block_align,) = struct.unpack_from("<H", fmt, 20)
            # a streaming writer leaves the size open: then the data ends with the file
            return WavParts(fmt, content[at + 8 : at + 8 + size], block_align) if block_align > 0 else None
        at += 8 + size + size % 2
    return None


def wav_of(fmt: bytes, data: bytes) -> bytes:
    """A WAV of the same format around other samples."""
    body = b"WAVE" + fmt + CHUNK_HEAD.pack(b"data", len(data)) + data
    return CHUNK_HEAD.pack(b"RIFF", len(body)) + body

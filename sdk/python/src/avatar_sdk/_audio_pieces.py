"""Cuts any sound into messages that the server takes."""

import asyncio
import base64
import os
from pathlib import Path
from typing import AsyncIterable, AsyncIterator, Iterable, Optional, Union

from ._wav import read_wav, wav_of
from .errors import avatar_error
from .types import AudioData

PIECE_BYTES = 192 * 1024
"""Sound in one message, bytes: small enough that the first is being read while the next is sent."""
SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4}

RawFormat = str
"""`pcm_s16le`, `pcm_f32le`, `mulaw`, `alaw`, ... (`AudioData` lists all), or `auto` for a stream of a file's bytes."""
AudioSource = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", AsyncIterable[bytes], Iterable[bytes]]
"""Sound as one piece, a file's path, or as it comes: raw PCM, or as its format says."""


async def audio_pieces(
    source: AudioSource, format: Optional[RawFormat], sample_rate: Optional[int], channels: int
) -> AsyncIterator[AudioData]:
    """The `data` of the messages to send, in order. Raises AudioError for a file that cannot be read."""

    def message(piece: bytes, kind: str) -> AudioData:
        data: AudioData = {"audio": base64.b64encode(piece).decode("ascii"), "format": kind, "channels": channels}
        if sample_rate is not None:
            data["sample_rate"] = sample_rate
        return data

    content = await _whole(source)
    if content is None or format is not None:
        kind = format or "pcm_s16le"
        block_align = SAMPLE_BYTES.get(kind, 1) * channels
        chunks = chunks_of(source if content is None else [content])
        async for piece in _raw_pieces(chunks, block_align):
            yield message(piece, kind)
        return
    wav = read_wav(content)
    if wav:
        step = max(1, PIECE_BYTES // wav.block_align) * wav.block_align
        for at in range(0, len(wav.data), step):
            yield message(wav_of(wav.format, wav.data[at : at + step]), "auto")
        return
    for at in range(0, len(content), PIECE_BYTES):
        yield message(content[at : at + PIECE_BYTES], "auto")


async def _whole(source: AudioSource) -> Optional[bytes]:
    """The content of what comes as one piece; None for a stream."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        try:
            return await asyncio.to_thread(Path(source).read_bytes)
        except OSError as error:
            raise avatar_error("AUDIO_PROCESSING_ERROR", f"The file cannot be read: {error}.") from error
    return None


async def chunks_of(source: object) -> AsyncIterator[bytes]:
    """What comes from an iterable. One that is not async may wait for its sound: it is read beside the event loop."""
    if isinstance(source, AsyncIterable):
        async for chunk in source:
            yield chunk
        return
    if isinstance(source, (str, bytes, bytearray, memoryview)) or not isinstance(source, Iterable):
        raise TypeError(f"sound is an iterable of bytes, async or not, not {type(source).__name__}")
    if isinstance(source, (list, tuple)):
        for chunk in source:
            yield chunk
        return
    chunks = iter(source)
    while True:
        chunk = await asyncio.get_running_loop().run_in_executor(None, next, chunks, None)
        if chunk is None:
            return
        yield chunk


async def _raw_pieces(chunks: AsyncIterator[bytes], block_align: int) -> AsyncIterator[bytes]:
    """Pieces of whole samples; what a chunk has over waits for the next."""
    rest = b""
    async for chunk in chunks:
        content = rest + bytes(chunk)
        whole = len(content) - len(content) % block_align
        for at in range(0, whole, PIECE_BYTES):
            yield content[at : min(whole, at + PIECE_BYTES)]
        rest = content[whole:]

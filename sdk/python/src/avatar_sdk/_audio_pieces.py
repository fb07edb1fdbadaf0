"""Cuts any sound into messages that the server takes."""

import asyncio
import base64
import os
from pathlib import Path
from typing import AsyncIterable, AsyncIterator, Iterable, Literal, Optional, Union

from ._wav import read_wav, wav_of
from .errors import avatar_error
from .types import AudioData

PIECE_BYTES = 192 * 1024
"""Sound in one message, bytes: small enough that the first is being read while the next is sent."""
MAX_WHOLE_BYTES = 6_000_000
"""Largest file that cannot be cut (MP3, Ogg, ...), bytes: its base64 has to fit the server's 8 MiB message."""

RawFormat = Literal["pcm_s16le", "pcm_f32le"]
AudioSource = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", AsyncIterable[bytes], Iterable[bytes]]
"""Sound as one piece, a file's path, or raw PCM as it comes."""


async def audio_pieces(source: AudioSource, format: Optional[RawFormat], sample_rate: int, channels: int) -> AsyncIterator[AudioData]:
    """The `data` of the messages to send, in order. Raises AudioError for a file that is too large."""

    def message(piece: bytes, kind: Literal["auto", "pcm_s16le", "pcm_f32le"]) -> AudioData:
        audio = base64.b64encode(piece).decode("ascii")
        return {"audio": audio, "format": kind, "sample_rate": sample_rate, "channels": channels}

    content = await _whole(source)
    if content is None or format is not None:
        kind = format or "pcm_s16le"
        block_align = (4 if kind == "pcm_f32le" else 2) * channels
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
    if len(content) > MAX_WHOLE_BYTES:
        text = f"A file of {len(content)} bytes is too large for one message; send WAV or raw PCM, which can be cut."
        raise avatar_error("AUDIO_PROCESSING_ERROR", text, details={"max_bytes": MAX_WHOLE_BYTES})
    if content:
        yield message(content, "auto")


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

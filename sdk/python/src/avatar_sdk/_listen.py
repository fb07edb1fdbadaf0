"""The user's voice as it is heard: raw samples in, pieces at the pace of the clock out."""

import asyncio
from typing import AsyncIterable, AsyncIterator, Iterable, Literal, Union

from ._audio_pieces import SAMPLE_BYTES, RawFormat, chunks_of

VoiceSource = Union[AsyncIterable[bytes], Iterable[bytes]]
"""Raw samples as they come: a microphone, or a file that is read piece by piece."""
PIECE_MS = 40
"""Sound in one message: 25 a second, a quarter of what the socket allows."""
AHEAD_S = 0.5
"""How far what is sent may be ahead of the clock: a file is heard as slowly as it was spoken."""


async def paced(source: VoiceSource, format: RawFormat, sample_rate: int, channels: Literal[1, 2]) -> AsyncIterator[bytes]:
    """Pieces of whole samples, none sooner than a microphone would give it."""
    bytes_per_s = sample_rate * channels * SAMPLE_BYTES.get(format, 1 if format in ("mulaw", "alaw") else 2)
    block_align = bytes_per_s // sample_rate
    piece_bytes = bytes_per_s * PIECE_MS // 1000 // block_align * block_align
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    sent_s = 0.0
    waiting = bytearray()
    async for chunk in chunks_of(source):
        waiting += chunk
        while len(waiting) >= piece_bytes:
            yield bytes(waiting[:piece_bytes])
            del waiting[:piece_bytes]
            sent_s = max(sent_s, loop.time() - started_s - AHEAD_S) + piece_bytes / bytes_per_s
            early_s = sent_s - AHEAD_S - (loop.time() - started_s)
            if early_s > 0:
                await asyncio.sleep(early_s)
    rest = len(waiting) - len(waiting) % block_align
    if rest:
        yield bytes(waiting[:rest])

from typing import AsyncIterator, List

import pytest

from avatar_sdk._sse import MAX_LINE, event_data

pytestmark = pytest.mark.anyio


async def data_of(*chunks: bytes) -> List[str]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [data async for data in event_data(body())]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
async def test_events_are_read_however_they_are_cut(end: bytes) -> None:
    text = b": comment\ndata: one\n\nevent: x\ndata: t\xc3\xa4\ndata: wo\n\n".replace(b"\n", end) + b"data"
    for size in (1, 2, 3, 7, 100):
        assert await data_of(*(text[at : at + size] for at in range(0, len(text), size))) == ["one", "tä\nwo"]


async def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ValueError):
        await data_of(b"data: " + b"x" * (MAX_LINE + 1))

"""What several tests use."""

import asyncio
import io
import math
import struct
import wave
from typing import Any, Awaitable, List

import pytest

from avatar_sdk import AvatarError


def wav(seconds: float, rate: int = 24_000) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        count = int(seconds * rate)
        file.writeframes(struct.pack(f"<{count}h", *(int(8000 * math.sin(i / 9)) for i in range(count))))
    return content.getvalue()


class Seen:
    """What handlers were given, and a wait for it."""

    def __init__(self) -> None:
        self.items: List[Any] = []
        self._news = asyncio.Event()

    def __call__(self, item: Any) -> None:
        self.items.append(item)
        self._news.set()

    async def until(self, count: int) -> List[Any]:
        while len(self.items) < count:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 5)
            except asyncio.TimeoutError:
                raise AssertionError(f"waited for {count} items, got {self.items}") from None
        return self.items


async def failure_of(call: Awaitable[object]) -> AvatarError:
    with pytest.raises(AvatarError) as caught:
        await call
    return caught.value

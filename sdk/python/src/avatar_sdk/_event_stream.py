"""A session's events as an async iterator."""

import asyncio
from collections import deque
from typing import Deque, Optional

from .errors import AvatarError
from .types import ServerEvent

MAX_WAITING = 512
"""Events that wait for a slow reader; past it the oldest is lost."""
MAX_FRAMES_WAITING = 25
"""Frames among them, one second: older ones interest nobody."""


class EventStream:
    """Every event until the connection is closed for good. A reader that falls behind loses the oldest frames first.

    Raises AvatarError when the connection was lost for good, and not by the end of the session.
    """

    def __init__(self) -> None:
        self._waiting: Deque[ServerEvent] = deque()
        self._frames = 0
        self._done = False
        self._error: Optional[AvatarError] = None
        self._news: Optional[asyncio.Future[None]] = None

    def push(self, event: ServerEvent) -> None:
        self._waiting.append(event)
        if event["type"] == "frame":
            self._frames += 1
            if self._frames > MAX_FRAMES_WAITING:
                self._lose_oldest_frame()
        if len(self._waiting) > MAX_WAITING:
            if self._frames > 0:
                self._lose_oldest_frame()
            else:
                self._waiting.popleft()
        self._wake()

    def end(self, error: Optional[AvatarError]) -> None:
        self._done = True
        self._error = error
        self._wake()

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> ServerEvent:
        while not self._waiting:
            if self._done:
                error, self._error = self._error, None
                raise StopAsyncIteration if error is None else error
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        event = self._waiting.popleft()
        if event["type"] == "frame":
            self._frames -= 1
        return event

    def _lose_oldest_frame(self) -> None:
        for at, event in enumerate(self._waiting):
            if event["type"] == "frame":
                del self._waiting[at]
                self._frames -= 1
                return

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

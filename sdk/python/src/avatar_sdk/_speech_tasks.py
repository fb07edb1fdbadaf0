"""What the avatar was asked to say, and when each of it is over."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from .errors import AvatarError, avatar_error
from .types import SpeechFinished

MAX_REMEMBERED = 64
"""Ends that are remembered for tasks nobody has asked about yet: the event may come before the call's answer."""


class SpeechTasks:
    """
    Args:
        require_open: raises where no event can come.
    """

    def __init__(self, require_open: Callable[[], None]) -> None:
        self._require_open = require_open
        self._finished: OrderedDict[str, SpeechFinished] = OrderedDict()
        self._waiters: Dict[str, List[asyncio.Future[SpeechFinished]]] = {}

    def finish(self, event: SpeechFinished) -> None:
        task_id = event.get("task_id", "")
        self._finished[task_id] = event
        if len(self._finished) > MAX_REMEMBERED:
            self._finished.popitem(last=False)
        for waiter in self._waiters.pop(task_id, []):
            if not waiter.done():
                waiter.set_result(event)

    def fail(self, error: AvatarError) -> None:
        """No end will be heard of any more."""
        for waiter in [waiter for waiters in self._waiters.values() for waiter in waiters]:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters.clear()

    async def wait(self, task_id: str, timeout: Optional[float]) -> SpeechFinished:
        known = self._finished.get(task_id)
        if known is not None:
            return known
        self._require_open()
        waiter: asyncio.Future[SpeechFinished] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(task_id, []).append(waiter)
        try:
            return await asyncio.wait_for(waiter, timeout)
        except asyncio.TimeoutError as error:
            raise avatar_error("TIMEOUT", f"{task_id} was not finished within {timeout:g} s.") from error
        finally:
            others = [one for one in self._waiters.get(task_id, []) if one is not waiter]
            if others:
                self._waiters[task_id] = others
            else:
                self._waiters.pop(task_id, None)


@dataclass(frozen=True)
class _Task:
    task_id: str
    _tasks: SpeechTasks = field(repr=False, compare=False)

    async def finished(self, timeout: Optional[float] = None) -> SpeechFinished:
        """Waits until it was said, interrupted or failed; `["reason"]` says which. Needs the connection.

        Args:
            timeout: seconds; None waits as long as the connection lasts.
        """
        return await self._tasks.wait(self.task_id, timeout)


@dataclass(frozen=True)
class SpeakResult(_Task):
    """A text that the avatar was asked to say."""

    status: str = "processing"
    """`processing` or `queued`."""
    duration_estimate: float = 0.0
    """Seconds of speech, within 25 %."""
    warnings: List[str] = field(default_factory=list)
    """What was adjusted in this call, in words."""


@dataclass(frozen=True)
class SpeakAudioResult(_Task):
    """A sound that the avatar was asked to speak."""

    duration_ms: float = 0.0

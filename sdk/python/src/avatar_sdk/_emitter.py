"""Handlers by event type, sync or async."""

import asyncio
import inspect
import logging
from collections import deque
from typing import Any, Awaitable, Callable, Deque, Dict, List, Optional, Set, Tuple

logger = logging.getLogger("avatar_sdk")

MAX_WAITING = 512
"""Events that wait for a slow async handler; past it the oldest is lost."""
Handler = Callable[..., Any]


class Hold:
    """Runs an action once everyone who took it has released it, or when the time is over."""

    def __init__(self, action: Callable[[], None], within_s: float) -> None:
        self._action: Optional[Callable[[], None]] = action
        self._takers = 0
        self._timer = asyncio.get_running_loop().call_later(within_s, self._run)

    def take(self) -> None:
        self._takers += 1

    def release(self) -> None:
        self._takers -= 1
        if self._takers == 0:
            self._run()

    def _run(self) -> None:
        self._timer.cancel()
        action, self._action = self._action, None
        if action is not None:
            action()


class _Registered:
    """One handler. An async one has a queue: its events come one at a time, in order."""

    def __init__(self, handler: Handler, type: str, once: bool) -> None:
        self.handler = handler
        self.once = once
        self.task: Optional[asyncio.Task[None]] = None
        self._type = type
        self._arguments = positional_arguments(handler)
        self._async = is_async(handler)
        self._waiting: Deque[Tuple[Callable[[], Awaitable[Any]], Optional[Hold]]] = deque()

    def call(self, args: Tuple[Any, ...], hold: Optional[Hold]) -> None:
        given = args[: self._arguments]
        if self._async:
            self._queue(lambda: self.handler(*given), hold)
            return
        try:
            result = self.handler(*given)
        except Exception:
            self._failed()
            return
        if inspect.isawaitable(result):
            self._queue(lambda: result, hold)

    def _queue(self, call: Callable[[], Awaitable[Any]], hold: Optional[Hold]) -> None:
        if hold is not None:
            hold.take()
        self._waiting.append((call, hold))
        if len(self._waiting) > MAX_WAITING:
            _, oldest = self._waiting.popleft()
            if oldest is not None:
                oldest.release()
            logger.warning("a handler of %s is too slow: its oldest event is lost", self._type)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                call, hold = self._waiting.popleft()
                try:
                    await call()
                except Exception:
                    self._failed()
                finally:
                    if hold is not None:
                        hold.release()
        finally:
            self.task = None

    def _failed(self) -> None:
        logger.warning("a handler of %s failed", self._type, exc_info=True)


class Emitter:
    def __init__(self) -> None:
        self._handlers: Dict[str, List[_Registered]] = {}

    def on(self, type: str, handler: Handler, *, once: bool = False) -> None:
        self._handlers.setdefault(type, []).append(_Registered(handler, type, once))

    def off(self, type: str, handler: Handler) -> None:
        self._handlers[type] = [one for one in self._handlers.get(type, []) if one.handler != handler]

    def has(self, *types: str) -> bool:
        return any(self._handlers.get(type) for type in types)

    def emit(self, type: str, *args: Any, hold: Optional[Hold] = None) -> None:
        """Sync handlers run at once; one that fails is logged, and the others still run.

        Args:
            hold: held until every async handler is done with this event.
        """
        for registered in list(self._handlers.get(type, [])):
            if registered.once:
                self._handlers[type].remove(registered)
            registered.call(args, hold)

    async def drain(self, within_s: float) -> None:
        """Waits until the async handlers have done what waits for them."""
        current = asyncio.current_task()
        tasks: Set[asyncio.Task[None]] = set()
        for registered in [one for handlers in self._handlers.values() for one in handlers]:
            if registered.task is not None and registered.task is not current:
                tasks.add(registered.task)
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)


def positional_arguments(handler: Handler) -> int:
    """How many of the arguments (1 or 2) a handler takes; 0 for one without parameters."""
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        # a built-in that does not tell
        return 1
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    return min(2, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


def is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)

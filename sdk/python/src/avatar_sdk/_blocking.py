"""What the blocking client is built on. Its classes, `sync.py`, are generated from those that they drive."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any, AsyncIterator, Callable, Coroutine, Generic, Iterator, List, Optional, Tuple, TypeVar, Union

from ._emitter import Handler, is_async, positional_arguments
from ._session_events import H
from .session import AvatarSession

T = TypeVar("T")
POLL_S = 0.5
"""How often a wait without end looks up, for a platform where Ctrl-C does not interrupt it."""


class Loop:
    """An event loop in a thread, started by the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Blocks until it is done; an interrupted wait cancels it."""
        future = self._submit(work)
        try:
            while True:
                try:
                    return future.result(POLL_S)
                except FutureTimeout:
                    # since 3.11 also what the work itself raises: then it is done
                    if future.done():
                        return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        """The call, made on the loop's thread."""

        async def called() -> T:
            return function(*args, **named)

        return self.run(called())

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """What an async iterator yields. Leaving the loop over it early closes it."""
        end = object()

        async def following() -> Any:
            try:
                return await items.__anext__()
            except StopAsyncIteration:
                return end

        try:
            while True:
                item = self.run(following())
                if item is end:
                    return
                yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                self.run(close())

    def close(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(self._loop,), name="avatar-sdk", daemon=True).start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class Blocking(Generic[T]):
    def __init__(self, driven: T, loop: Loop) -> None:
        self._driven = driven
        self._loop = loop


class BlockingSession(Blocking[AvatarSession]):
    def __init__(self, driven: AvatarSession, loop: Loop) -> None:
        super().__init__(driven, loop)
        self._handlers: List[Tuple[str, Handler, Handler]] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="avatar-sdk-handlers")

    def iterate(self, make: Callable[[AvatarSession], AsyncIterator[T]]) -> Iterator[T]:
        """What an async generator over the async session yields. Leaving the loop early closes it."""
        return self._loop.iterate(make(self._driven))

    @contextmanager
    def _left_at_the_end(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            pass  # asked to end: that is what follows
        finally:
            self._loop.run(self._driven.disconnect())
            self._executor.shutdown(wait=False)

    def _register(self, register: Callable[..., Any], type: str, handler: Optional[H]) -> Union[H, Callable[[H], H]]:
        def decorate(handler: H) -> H:
            in_thread = self._in_thread(handler)
            self._loop.call(register, type, in_thread)
            self._handlers.append((type, handler, in_thread))
            return handler

        return decorate if handler is None else decorate(handler)

    def _unregister(self, unregister: Callable[..., Any], type: str, handler: Handler) -> None:
        for entry in [one for one in self._handlers if one[0] == type and one[1] == handler]:
            self._handlers.remove(entry)
            self._loop.call(unregister, type, entry[2])

    def _in_thread(self, handler: Handler) -> Handler:
        if is_async(handler):
            raise TypeError("handlers of the blocking client are plain functions; async ones belong to avatar_sdk.AvatarClient")
        takes = positional_arguments(handler)

        async def call(*args: Any) -> Any:
            try:
                future = self._executor.submit(handler, *args[:takes])
            except RuntimeError:
                return None  # disconnected: nobody is interested any more
            return await asyncio.wrap_future(future)

        return call

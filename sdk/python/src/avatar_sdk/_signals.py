"""Ctrl-C and SIGTERM as a call."""

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional


@contextmanager
def stop_signals(stop: Optional[Callable[[], None]]) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM call `stop`; once: what follows meets the handlers from before.

    Handlers that the program installed are left alone, and so is everything outside the main thread and where the event
    loop knows no signals.
    """
    before: Dict[int, Any] = {}
    loop = asyncio.get_running_loop()

    def restore() -> None:
        while before:
            number, handler = before.popitem()
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def received(stop: Callable[[], None]) -> None:
        restore()
        stop()

    if stop is not None and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if not _is_default(handler):
                continue
            try:
                loop.add_signal_handler(number, received, stop)
            except (NotImplementedError, RuntimeError):
                break  # Windows: Ctrl-C cancels the main task instead
            before[number] = handler
    try:
        yield
    finally:
        restore()


def _is_default(handler: Any) -> bool:
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        return True
    # the one that asyncio.run sets itself since 3.11
    function = getattr(handler, "func", handler)
    return getattr(function, "__module__", "") == "asyncio.runners"

"""What the blocking client has, and where it is more than its async twin run to the end; see gen_sync.py."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple


class Twin(NamedTuple):
    """A class of the blocking client, and where the async one is written."""

    name: str
    parts: Sequence[Tuple[str, str]]
    """Module and class, bases first."""
    base: str = "Blocking[{}]"


TWINS = (
    Twin("SpeakResult", [("_speech_tasks", "_Task"), ("_speech_tasks", "SpeakResult")]),
    Twin("SpeakAudioResult", [("_speech_tasks", "_Task"), ("_speech_tasks", "SpeakAudioResult")]),
    Twin("ChatStream", [("_chat", "ChatStream")]),
    Twin(
        "AvatarSession",
        [
            ("_session_events", "SessionEvents"),
            ("_session_connection", "SessionConnection"),
            ("_session_audio", "SessionAudio"),
            ("session", "AvatarSession"),
        ],
        "BlockingSession",
    ),
    Twin("AvatarClient", [("client", "AvatarClient")]),
)
RENAMED = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "aclose": "close"}
NOT_TAKEN_OVER = {"__repr__", "__anext__"}
FIXED: Dict[Tuple[str, str], Dict[str, Optional[str]]] = {
    ("AvatarSession", "run_forever"): {"handle_signals": "False"},
    ("AvatarClient", "__init__"): {"http_client": None},
}
"""Arguments that the blocking client has not: what the async one is given instead, if anything."""
WITHIN = {("AvatarSession", "run_forever"): "self._left_at_the_end()"}
NO_MORE_HANDLERS = "self._executor.shutdown(wait=False)"
AFTERWARDS = {
    ("AvatarSession", "disconnect"): NO_MORE_HANDLERS,
    ("AvatarSession", "__aexit__"): NO_MORE_HANDLERS,
    ("AvatarClient", "aclose"): "self._loop.close()",
    ("AvatarClient", "__aexit__"): "self._loop.close()",
}
HANDLERS = {"on": "self._register", "once": "self._register", "off": "self._unregister"}
CONVERTED = {"Optional[OnToolCall]": "None if {0} is None else self._in_thread({0})"}
"""Arguments by type that are given on in another form."""
REWORDED = (
    ("`async with` connects", "`with` connects"),
    ("Everything needs a running event loop; `avatar_sdk.sync` has the same for programs without one.", "Every call blocks."),
    ("The pieces of a reply, as an async iterator. `aclose()` ends", "The pieces of a reply, as an iterator. `close()` ends"),
    ("`await result.finished()` waits", "`result.finished()` waits"),
    ("Calls the handler, sync or async, for each", "Calls the handler, in the session's own thread, for each"),
    ("An async\n        handler gets its events one after the other;", "Handlers\n        run one after the other;"),
    ("the model wants called, sync or async. What", "the model wants called. What"),
    ("until it ends or this is cancelled. What", "until it ends; for a microphone, in a thread of its own.\n        What"),
)
"""What the docs say otherwise. Each has to be found, so that none outlives what it was for."""

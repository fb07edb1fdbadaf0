"""A reply while it is being written, and as a whole."""

import json
from typing import Any, AsyncIterator, Dict, List, Mapping, Optional

from .errors import avatar_error, error_of_event
from .types import ToolCall


class ChatReply(str):
    """The text of a reply, and what belongs to it."""

    tool_calls: List[ToolCall]
    """Functions that the model wants called; `session.tool_result` answers them."""
    finish_reason: Optional[str]
    """`stop`, `length`, `tool_calls` or `interrupted`."""
    task_id: Optional[str]
    """What the avatar says of it."""
    model: Optional[str]

    def __new__(
        cls,
        text: str,
        *,
        tool_calls: Optional[List[ToolCall]] = None,
        finish_reason: Optional[str] = None,
        task_id: Optional[str] = None,
        model: Optional[str] = None,
    ) -> "ChatReply":
        reply = super().__new__(cls, text)
        reply.tool_calls = tool_calls or []
        reply.finish_reason = finish_reason
        reply.task_id = task_id
        reply.model = model
        return reply


class ChatStream:
    """The pieces of a reply, as an async iterator. `aclose()` ends it early, which ends the reply too.

    Args:
        data: the `data` of the server's events.
    """

    def __init__(self, data: AsyncIterator[str]) -> None:
        self._data = data
        self._pieces: List[str] = []
        self._calls: Dict[int, ToolCall] = {}
        self._facts: Dict[str, Any] = {}
        self._over = False

    @property
    def reply(self) -> ChatReply:
        """What came so far; after the last piece, the whole."""
        calls = [self._calls[index] for index in sorted(self._calls)]
        return ChatReply("".join(self._pieces), tool_calls=calls, **self._facts)

    def __aiter__(self) -> "ChatStream":
        return self

    async def __anext__(self) -> str:
        async for data in self._data:
            if data == "[DONE]":
                break
            content = self._read(data)
            if content:
                self._pieces.append(content)
                return content
        else:
            if not self._over:
                raise avatar_error("CONNECTION_FAILED", "The reply broke off.")
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._over = True
        close = getattr(self._data, "aclose", None)
        if close is not None:
            await close()

    def _read(self, data: str) -> str:
        """The text of a chunk. Raises AvatarError when the stream carries a failure."""
        try:
            chunk = json.loads(data)
            if "error" in chunk:
                raise error_of_event(chunk["error"])
            choice = (chunk.get("choices") or [{}])[0]
            delta = choice.get("delta") or {}
            for call in delta.get("tool_calls") or []:
                self._add_call(call)
            found = {"finish_reason": choice.get("finish_reason"), "task_id": chunk.get("task_id"), "model": chunk.get("model")}
            self._facts.update({name: value for name, value in found.items() if isinstance(value, str)})
            content = delta.get("content")
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise avatar_error("INVALID_RESPONSE", "A piece of the reply was not understood.") from error
        return content if isinstance(content, str) else ""

    def _add_call(self, piece: Mapping[str, Any]) -> None:
        """A call comes in pieces: its name first, its arguments after it."""
        function = piece.get("function") or {}
        index = int(piece.get("index", 0))
        call = self._calls.setdefault(index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""

"""A reply while it is being written, and as a whole."""

import inspect
import json
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, Optional, Sequence

from .errors import avatar_error, error_of_event
from .types import ChatMessage, ToolCall

MAX_TOOL_ROUNDS = 8
"""Rounds of calls and answers in one chat."""
OnToolCall = Callable[[ToolCall], Any]
"""Sync or async; gives what the function gave back: text as it is, anything else as JSON."""


class ChatReply(str):
    """The text of a reply, and what belongs to it."""

    tool_calls: List[ToolCall]
    """Functions that the model wants called; empty where `on_tool_call` answered."""
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
        ask: gives the `data` of the server's events for these messages.
        on_tool_call: gives what a function gave back; then the reply goes on.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[ChatMessage]], AsyncIterator[str]],
        messages: Sequence[ChatMessage],
        on_tool_call: Optional[OnToolCall],
    ) -> None:
        self._ask = ask
        self._messages = messages
        self._on_tool_call = on_tool_call
        self._data = ask(messages)
        self._pieces: List[str] = []
        self._round = 1
        self._round_text = ""
        self._calls: Dict[int, ToolCall] = {}
        self._facts: Dict[str, str] = {}
        self._over = False

    @property
    def reply(self) -> ChatReply:
        """What came so far; after the last piece, the whole."""
        return ChatReply("".join(self._pieces), tool_calls=self._tool_calls(), **self._facts)

    def __aiter__(self) -> "ChatStream":
        return self

    async def __anext__(self) -> str:
        try:
            content = await self._next_content()
        except BaseException:
            # what is left of a reply that failed, or whose reader was cancelled, is not left to the garbage collector
            await self.aclose()
            raise
        if content is None:
            await self.aclose()
            raise StopAsyncIteration
        return content

    async def aclose(self) -> None:
        self._over = True
        await self._close_data()

    async def _next_content(self) -> Optional[str]:
        """None after the last round."""
        while not self._over:
            content = await self._next_piece()
            if content is not None:
                return content
            if self._on_tool_call is None or not self._calls:
                return None
            await self._next_round(self._on_tool_call)
        return None

    async def _next_piece(self) -> Optional[str]:
        """None after the last of this round."""
        async for data in self._data:
            if data == "[DONE]":
                return None
            content = self._read(data)
            if content:
                self._pieces.append(content)
                self._round_text += content
                return content
        raise avatar_error("CONNECTION_FAILED", "The reply broke off.")

    async def _next_round(self, on_tool_call: OnToolCall) -> None:
        """Calls the functions and asks on, with what they gave back."""
        calls = self._tool_calls()
        if self._round == MAX_TOOL_ROUNDS:
            text = f"The model wants functions called after {MAX_TOOL_ROUNDS} rounds of it"
            raise avatar_error("INVALID_RESPONSE", f"{text}; set tool_choice to 'none', or ask for less.", details={"tool_calls": calls})
        await self._close_data()
        results: List[ChatMessage] = []
        for call in calls:
            result = on_tool_call(call)
            if inspect.isawaitable(result):
                result = await result
            content = result if isinstance(result, str) else json.dumps(result)
            results.append({"role": "tool", "tool_call_id": call["id"], "content": content})
        # the server remembers what was said, unless the caller sends replies too
        if any(message["role"] == "assistant" for message in self._messages):
            said: ChatMessage = {"role": "assistant", "content": self._round_text or None, "tool_calls": calls}
            self._messages = [*self._messages, said, *results]
        else:
            instructions = [message for message in self._messages if message["role"] in ("system", "developer")]
            self._messages = [*instructions, *results]
        self._round += 1
        self._round_text = ""
        self._calls = {}
        self._data = self._ask(self._messages)

    async def _close_data(self) -> None:
        close = getattr(self._data, "aclose", None)
        if close is not None:
            await close()

    def _tool_calls(self) -> List[ToolCall]:
        return [self._calls[index] for index in sorted(self._calls)]

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

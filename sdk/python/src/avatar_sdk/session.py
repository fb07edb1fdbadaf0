"""One session: what it can be asked for. Its events, its connection and its sound have files of their own."""

from typing import Any, AsyncIterator, Dict, Mapping, Optional, Sequence, Union, cast

from ._chat import ChatReply, ChatStream, OnToolCall
from ._session_audio import SessionAudio
from ._session_connection import FurtherEvent
from ._session_events import EventName
from ._speech_tasks import SpeakResult
from ._sse import event_data
from .types import ChatMessage, ChatTool, Cue, Emotion, SpeakResponse, TaskMode, ToolChoice, VoiceSettings

__all__ = ["AvatarSession", "EventName", "FurtherEvent"]


class AvatarSession(SessionAudio):
    """A session as `AvatarClient` makes it. `async with` connects it, and disconnects it at the end."""

    async def speak(
        self,
        text: str,
        *,
        voice_id: Optional[str] = None,
        voice_settings: Optional[VoiceSettings] = None,
        emotion: Optional[Emotion] = None,
        cues: Optional[Sequence[Cue]] = None,
        mode: Optional[TaskMode] = None,
    ) -> SpeakResult:
        """Says the text. `await result.finished()` waits until it was heard.

        Args:
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
        """
        body = self._body(text=text, voice_id=voice_id, voice_settings=voice_settings, emotion=emotion, cues=cues, mode=mode)
        answer: SpeakResponse = await self._http.json("/avatar.speak", body)
        return SpeakResult(
            answer["task_id"],
            self._tasks,
            status=answer["status"],
            duration_estimate=answer["duration_estimate"],
            warnings=answer.get("warnings", []),
        )

    async def chat(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
        settings: Optional[Mapping[str, Any]] = None,
    ) -> ChatReply:
        """Answers aloud; the text of the reply, once it is written. It is a `str`, with `tool_calls` and `finish_reason`."""
        stream = self.chat_stream(
            input, model=model, tools=tools, tool_choice=tool_choice, on_tool_call=on_tool_call, mode=mode, settings=settings
        )
        async for _ in stream:
            pass
        return stream.reply

    def chat_stream(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
        settings: Optional[Mapping[str, Any]] = None,
    ) -> ChatStream:
        """Answers aloud, and yields the reply while it is being written; then its `reply` is what `chat` gives.

        Args:
            tools: what the model may call in this answer.
            on_tool_call: called for each function that the model wants called, sync or async. What it gives back is told to
                the model (text as it is, anything else as JSON), which then goes on with its reply.
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
            settings: further fields for the model's server: `temperature`, `max_tokens`, `top_p`, `response_format`, ...
        """
        messages: Sequence[ChatMessage] = [{"role": "user", "content": input}] if isinstance(input, str) else list(input)
        body = {**(settings or {}), **self._body(stream=True, model=model, tools=tools, tool_choice=tool_choice, mode=mode)}
        return ChatStream(lambda messages: self._chat_data({**body, "messages": messages}), messages, on_tool_call)

    async def interrupt(self) -> Dict[str, Any]:
        """Stops the speech at once. What was heard of it: `task_id`, `played_ms`, `spoken_text`, `dropped_ms`."""
        self._emitter.emit("interrupting", {"type": "interrupting"})
        answer: Mapping[str, Any]
        if self.connection == "open":
            answer = cast(Mapping[str, Any], await self._ask({"type": "interrupt"}, "interrupted", ()))
        else:
            answer = await self._http.json("/streaming.interrupt", self._body(), repeatable=True)
        return {name: answer[name] for name in ("task_id", "played_ms", "spoken_text", "dropped_ms")}

    async def _chat_data(self, body: Dict[str, Any]) -> AsyncIterator[str]:
        async with self._http.stream("/chat.completions", body) as chunks:
            events = event_data(chunks)
            try:
                async for data in events:
                    yield data
            finally:
                await events.aclose()

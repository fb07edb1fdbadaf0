"""Replies: whole, in pieces, with functions, and broken off."""

import json
from types import AsyncGeneratorType
from typing import List

import pytest

from avatar_sdk import (
    AvatarClient,
    UnavailableError,
)
from avatar_sdk.types import ChatMessage, ChatTool, ToolCall
from fake_api import Answer, FakeApi, failure, sse
from helpers import failure_of

pytestmark = pytest.mark.anyio

WEATHER: ChatTool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


async def test_chat_gives_the_whole_reply(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    assert await session.chat("Hello, how are you?") == "Hello there!"
    assert api.calls[-1].body["messages"] == [{"role": "user", "content": "Hello, how are you?"}]
    messages: List[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert [piece async for piece in session.chat_stream(messages, model="m")] == ["Hello", " there", "!"]
    assert (api.calls[-1].body["messages"], api.calls[-1].body["model"]) == (messages, "m")
    stream = session.chat_stream("Hi")
    async for _ in stream:
        break
    await stream.aclose()
    assert (stream.reply, [piece async for piece in stream]) == ("Hello", [])


async def test_settings_go_beside_the_fields_of_its_own_which_win(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    await session.chat("Hi", model="m", settings={"top_p": 0.5, "stream": False})
    body = api.calls[-1].body
    assert (body["model"], body["top_p"], body["stream"]) == ("m", 0.5, True)
    assert "settings" not in body


async def test_a_reply_that_fails_half_way_raises_what_failed(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.scripted["/v1/chat.completions"] = [
        Answer(200, sse("Hel", failed=failure("PROVIDER_FAILED", "the model is gone"))),
        Answer(200, sse("Hel", done=False)),
        Answer(200, "data: nonsense\n\n"),
        Answer(503, failure("CAPACITY_EXCEEDED", "full"), {"retry-after": "60"}),
    ]
    heard = []
    with pytest.raises(UnavailableError, match="the model is gone"):
        async for piece in session.chat_stream("Hi"):
            heard.append(piece)
    assert heard == ["Hel"]
    assert (await failure_of(session.chat("Hi"))).code == "CONNECTION_FAILED"
    assert (await failure_of(session.chat("Hi"))).code == "INVALID_RESPONSE"
    assert (await failure_of(session.chat("Hi"))).code == "CAPACITY_EXCEEDED"


async def test_a_reply_that_failed_leaves_nothing_open(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.scripted["/v1/chat.completions"] = [Answer(200, sse("Hel", failed=failure("PROVIDER_FAILED", "the model is gone")))]
    stream = session.chat_stream("Hi")
    data = stream._data
    assert isinstance(data, AsyncGeneratorType)
    assert await stream.__anext__() == "Hel"
    assert data.ag_frame is not None
    with pytest.raises(UnavailableError):
        await stream.__anext__()
    # ended here, not by the garbage collector at some time
    assert data.ag_frame is None
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()


async def test_a_reply_carries_the_functions_that_the_model_calls(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    pieces = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
        {"index": 0, "function": {"arguments": '"Oslo"}'}},
    ]
    chunks = [{"choices": [{"delta": {"tool_calls": [piece]}, "finish_reason": None}]} for piece in pieces]
    end = {"task_id": "task_000002", "model": "m", "choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    lines = [json.dumps(chunk) for chunk in [*chunks, end]]
    api.scripted["/v1/chat.completions"] = [Answer(200, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]))]
    reply = await session.chat("What is the weather?", tools=[WEATHER], tool_choice="auto")
    call: ToolCall = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    assert (reply, reply.finish_reason, reply.task_id, reply.model) == ("", "tool_calls", "task_000002", "m")
    assert reply.tool_calls == [call]
    assert (api.calls[-1].body["tools"], api.calls[-1].body["tool_choice"]) == ([WEATHER], "auto")


async def test_functions_are_called_and_the_reply_goes_on(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    call: ToolCall = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    chunk = json.dumps({"choices": [{"delta": {"content": "One moment. ", "tool_calls": [{"index": 0, **call}]}}]})
    asking = f"data: {chunk}\n\ndata: [DONE]\n\n"
    api.scripted["/v1/chat.completions"] = [Answer(200, asking)]
    asked: List[ToolCall] = []

    async def weather(call: ToolCall) -> object:
        asked.append(call)
        return {"degrees": 4}

    messages: List[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}]
    reply = await session.chat(messages, tools=[WEATHER], on_tool_call=weather)
    assert (reply, reply.tool_calls, asked) == ("One moment. Hello there!", [], [call])
    result = {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 4}'}
    assert api.calls[-1].body["messages"] == [messages[0], result]
    assert api.calls[-1].body["tools"] == [WEATHER]
    # a caller who sends the whole conversation goes on doing so
    api.scripted["/v1/chat.completions"] = [Answer(200, asking)]
    whole: List[ChatMessage] = [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Weather?"}]
    await session.chat(whole, on_tool_call=lambda call: "cold")
    said = {"role": "assistant", "content": "One moment. ", "tool_calls": [call]}
    assert api.calls[-1].body["messages"] == [*whole, said, {**result, "content": "cold"}]
    api.scripted["/v1/chat.completions"] = [Answer(200, asking)] * 8
    assert (await failure_of(session.chat("Weather?", on_tool_call=weather))).code == "INVALID_RESPONSE"

import asyncio
import builtins
import threading

import httpx
import pytest

import avatar_sdk
from avatar_sdk import (
    AvatarClient,
    NotFoundError,
    RateLimitError,
    ServerError,
    TimeoutError,
    UnavailableError,
)
from avatar_sdk._error_table import ERRORS
from avatar_sdk.errors import CLASSES
from avatar_sdk.types import ChatTool, Cue
from fake_api import SESSION_ID, TOKEN, Answer, Call, FakeApi, failure
from helpers import failure_of

pytestmark = pytest.mark.anyio

WEATHER: ChatTool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


async def test_a_session_is_created_with_the_key_and_driven_with_its_own_token(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session(quality="high", voice_id="EXAVITQu4vr4xnSDxMaL")
    await session.speak("Welcome to our demo!")
    assert session.session_id == SESSION_ID
    assert session.limits is not None and session.limits["idle_timeout_s"] == 120
    assert api.calls == [
        Call("/v1/streaming.new", {"quality": "high", "voice_id": "EXAVITQu4vr4xnSDxMaL"}, "Bearer key-1"),
        Call("/v1/avatar.speak", {"session_id": SESSION_ID, "text": "Welcome to our demo!"}, f"Bearer {TOKEN}"),
    ]


async def test_the_key_comes_from_the_environment(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_API_KEY", "key-env")
    await AvatarClient(api.api_url).create_session()
    assert api.calls[0].authorization == "Bearer key-env"


async def test_an_attached_session_is_not_ended_by_leaving(api: FakeApi, client: AvatarClient) -> None:
    for session in (client.attach(SESSION_ID, TOKEN), client.attach_session(TOKEN)):
        async with session:
            assert session.session_id == SESSION_ID
    assert api.calls == []


async def test_a_session_that_was_created_ends_by_leaving(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    await session.connect()
    await session.disconnect()
    await session.disconnect()
    assert api.paths() == ["/v1/streaming.new", "/v1/streaming.stop"]


async def test_leaving_a_session_that_is_over_is_fine(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.scripted["/v1/streaming.stop"] = [Answer(404, failure("SESSION_NOT_FOUND", "gone"))]
    await session.disconnect()


async def test_nonsense_is_no_token(client: AvatarClient) -> None:
    for text in ("nonsense", "a.b.c", "e30.e30.e30"):
        with pytest.raises(avatar_sdk.AuthenticationError):
            client.attach_session(text)


async def test_health_stands_beside_v1(api: FakeApi, client: AvatarClient) -> None:
    assert (await client.health())["status"] == "healthy"
    assert (await client.sessions())["total"] == 0


async def test_health_stands_beside_v1_below_a_path_of_the_host_too(api: FakeApi) -> None:
    api.scripted["/avatar/health"] = [Answer(200, {"status": "healthy"})]
    below = AvatarClient(api.api_url.replace("/v1", "/avatar/v1"))
    assert (await below.health())["status"] == "healthy"


async def test_speak_passes_what_it_is_given(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    cue: Cue = {"type": "emotion", "word": "Well", "value": "surprised"}
    await session.speak("Well!", voice_id="v", voice_settings={"speed": 1.2}, emotion="happy", cues=[cue])
    assert api.calls[-1].body == {
        "session_id": SESSION_ID,
        "text": "Well!",
        "voice_id": "v",
        "voice_settings": {"speed": 1.2},
        "emotion": "happy",
        "cues": [cue],
    }


async def test_every_code_has_a_class() -> None:
    assert set(ERRORS) <= set(CLASSES)


async def test_errors_carry_code_status_request_and_details(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.scripted["/v1/avatar.speak"] = [Answer(404, failure("SESSION_NOT_FOUND", "gone", session_id=SESSION_ID))]
    error = await failure_of(session.speak("x"))
    assert isinstance(error, NotFoundError)
    assert (error.code, error.status, error.request_id, error.retryable) == ("SESSION_NOT_FOUND", 404, "req_fake", False)
    assert error.details == {"session_id": SESSION_ID}
    assert str(error) == "gone (SESSION_NOT_FOUND)"


async def test_an_unreadable_failure_speaks_by_its_status(api: FakeApi) -> None:
    api.scripted["/v1/streaming.new"] = [Answer(502, "<html>")]
    error = await failure_of(AvatarClient(api.api_url, max_retries=0).create_session())
    assert isinstance(error, UnavailableError)
    assert error.retryable


async def test_an_answer_that_is_no_json_is_named(api: FakeApi, client: AvatarClient) -> None:
    api.scripted["/v1/streaming.new"] = [Answer(200, "<html>")]
    error = await failure_of(client.create_session())
    assert isinstance(error, ServerError)
    assert error.code == "INVALID_RESPONSE"


async def test_a_server_that_does_not_answer_in_time_is_named(api: FakeApi) -> None:
    stall = threading.Event()
    api.scripted["/v1/streaming.new"] = [Answer(200, {}, stall=stall)]
    error = await failure_of(AvatarClient(api.api_url, timeout=0.05, max_retries=0).create_session())
    stall.set()
    assert isinstance(error, TimeoutError) and isinstance(error, builtins.TimeoutError)
    assert error.code == "TIMEOUT"


async def test_a_server_that_is_not_there_is_named(api: FakeApi) -> None:
    error = await failure_of(AvatarClient("http://127.0.0.1:9/v1", max_retries=0).create_session())
    assert isinstance(error, builtins.ConnectionError)
    assert (error.code, error.retryable, error.status) == ("CONNECTION_FAILED", True, None)


async def test_an_address_that_is_none_is_named() -> None:
    for url in ("not an address", "ftp://127.0.0.1/v1"):
        assert (await failure_of(AvatarClient(url).create_session())).code == "INVALID_REQUEST"


BUSY = Answer(503, failure("ORIGIN_UNAVAILABLE", "none"), {"retry-after": "0"})


async def test_a_call_that_was_refused_for_now_is_repeated(api: FakeApi, client: AvatarClient) -> None:
    api.scripted["/v1/streaming.new"] = [BUSY, BUSY]
    await client.create_session()
    assert len(api.calls) == 3


async def test_repeating_ends_with_the_last_refusal(api: FakeApi, client: AvatarClient) -> None:
    api.scripted["/v1/streaming.new"] = [BUSY, BUSY, BUSY]
    error = await failure_of(client.create_session())
    assert (error.code, error.retry_after_s, len(api.calls)) == ("ORIGIN_UNAVAILABLE", 0, 3)


async def test_a_long_wait_is_left_to_the_caller(api: FakeApi, client: AvatarClient) -> None:
    api.scripted["/v1/streaming.new"] = [Answer(429, failure("RATE_LIMITED", "slow"), {"retry-after": "42"})]
    error = await failure_of(client.create_session())
    assert isinstance(error, RateLimitError)
    assert (error.retry_after_s, len(api.calls)) == (42, 1)


async def test_a_text_is_never_said_twice_when_the_outcome_is_unknown(api: FakeApi) -> None:
    tried = []

    def lose(request: httpx.Request) -> httpx.Response:
        tried.append(request.url.path)
        raise httpx.ReadError("network lost")

    async with httpx.AsyncClient(transport=httpx.MockTransport(lose)) as lossy:
        session = AvatarClient(api.api_url, http_client=lossy).attach(SESSION_ID, TOKEN)
        assert (await failure_of(session.speak("once"))).code == "CONNECTION_FAILED"
        assert tried == ["/v1/avatar.speak"]
        assert (await failure_of(session.chat("once"))).code == "CONNECTION_FAILED"
        assert len(tried) == 2
        assert (await failure_of(session.keep_alive())).code == "CONNECTION_FAILED"
        assert len(tried) == 5


async def test_a_call_can_be_cancelled(api: FakeApi, client: AvatarClient) -> None:
    stall = threading.Event()
    api.scripted["/v1/streaming.new"] = [Answer(200, {}, stall=stall)]
    call = asyncio.ensure_future(client.create_session())
    await api.until("the call", lambda: api.calls)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    stall.set()


async def test_the_connections_are_closed_with_the_last_session_and_come_back(api: FakeApi, client: AvatarClient) -> None:
    one, other = await client.create_session(), await client.create_session()
    pool = client._http.pool
    await one.disconnect()
    assert pool._client is not None
    await other.disconnect()
    assert pool._client is None
    await client.health()


async def test_a_session_is_told_who_it_is_and_what_it_may_call(api: FakeApi, client: AvatarClient) -> None:
    await client.create_session(
        system_prompt="You are Ada.", tools=[WEATHER], turn_detection={"mode": "vad", "silence_ms": 700}, language="en"
    )
    assert api.calls[-1].body == {
        "system_prompt": "You are Ada.",
        "tools": [WEATHER],
        "turn_detection": {"mode": "vad", "silence_ms": 700},
        "language": "en",
    }


async def test_speech_and_replies_may_push_others_aside(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    await session.speak("Stop!", mode="interrupt")
    assert api.calls[-1].body["mode"] == "interrupt"
    await session.chat("And now?", mode="interrupt")
    assert api.calls[-1].body["mode"] == "interrupt"

"""The connection's ups and downs, and run_forever."""

import asyncio
import os
import signal
from typing import Any, Dict

import pytest

import avatar_sdk._socket as socket_module
from avatar_sdk import (
    AvatarClient,
    AvatarError,
    AvatarSession,
    ConnectionEvent,
    NotFoundError,
    UnavailableError,
)
from fake_api import FakeApi, failure
from helpers import Seen

pytestmark = pytest.mark.anyio


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "RECONNECT_BASE_S", 0.001)


async def test_a_lost_connection_comes_back_with_what_was_missed(api: FakeApi, session: AvatarSession, quick: None) -> None:
    states, chats = Seen(), Seen()
    session.on("connection", lambda event: states(event.state))
    session.on("chat", chats)
    for code in (None, 1012):
        api.send("chat", role="agent", content="before")
        await chats.until(len(chats.items) + 1)
        last = api.seq - 1
        await api.drop(code)
        await session.wait_for("session_state", where=lambda event: event["resumed"])
        assert api.upgrades[-1][0]["resume_from"] == [str(last)]
    assert states.items == ["reconnecting", "open", "reconnecting", "open"]
    api.send("chat", role="agent", content="after")
    assert (await chats.until(3))[-1]["content"] == "after"


async def test_a_silent_connection_is_given_up_and_made_anew(
    api: FakeApi, client: AvatarClient, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "PING_AFTER_S", 0.05)
    session = await client.create_session()
    async with session:
        await api.until_received("ping", 3)
        assert len(api.upgrades) == 1
        api.react = lambda event: None
        await api.until("a second connection", lambda: len(api.upgrades) == 2)


async def test_a_session_that_is_gone_is_not_tried_for_ever(api: FakeApi, session: AvatarSession, quick: None) -> None:
    api.refusal = (404, failure("SESSION_NOT_FOUND", "gone"))
    running = asyncio.ensure_future(session.run_forever())
    reading = asyncio.ensure_future(_read_all(session))
    await asyncio.sleep(0)
    await api.drop()
    with pytest.raises(NotFoundError) as caught:
        await asyncio.wait_for(running, 5)
    assert (caught.value.status, caught.value.request_id) == (404, "req_socket")
    with pytest.raises(NotFoundError):
        await reading
    assert session.connection == "closed"


async def test_a_close_code_that_is_final_ends_the_connection(api: FakeApi, session: AvatarSession) -> None:
    closed: asyncio.Future[ConnectionEvent] = asyncio.get_running_loop().create_future()
    session.on("connection", closed.set_result)
    await api.drop(4401)
    event = await asyncio.wait_for(closed, 5)
    assert event.error is not None and event.error.code == "UNAUTHORIZED"


async def test_reconnecting_ends_when_it_took_too_long(api: FakeApi, quick: None) -> None:
    client = AvatarClient(api.api_url, api.ws_url, reconnect_for=0.05)
    session = await client.create_session()
    await session.connect()
    api.refusal = (503, failure("ORIGIN_UNAVAILABLE", "none"))
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    await api.drop()
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(running, 5)


async def test_a_refused_first_connection_raises_why(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.refusal = (401, failure("UNAUTHORIZED", "expired"))
    with pytest.raises(AvatarError, match="expired"):
        await session.connect()
    assert session.connection == "closed"
    api.refusal = None
    await session.connect()
    with pytest.raises(AvatarError, match="connected already"):
        await session.connect()
    await session.disconnect()


async def test_nobody_at_the_socket_is_said(api: FakeApi) -> None:
    for url in ("ws://127.0.0.1:9/ws", "http://127.0.0.1:9/ws"):
        session = await AvatarClient(api.api_url, url).create_session()
        with pytest.raises(AvatarError) as caught:
            await session.connect()
        assert caught.value.code in ("CONNECTION_FAILED", "INVALID_REQUEST")


async def test_run_forever_ends_with_the_session_after_its_handlers(api: FakeApi, session: AvatarSession) -> None:
    done = Seen()

    @session.on("session_ended")
    async def farewell(event: Dict[str, Any]) -> None:
        await asyncio.sleep(0.02)
        done(event["reason"])

    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    api.send("session_ended", reason="max_duration", duration=3600)
    await asyncio.wait_for(running, 5)
    assert done.items == ["max_duration"]
    assert "/v1/streaming.stop" not in api.paths()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_run_forever_ends_quietly_with_ctrl_c(api: FakeApi, session: AvatarSession, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 5)
    assert api.paths()[-1] == "/v1/streaming.stop"
    assert signal.getsignal(number) == before


async def test_run_forever_ends_with_disconnect_from_a_handler(api: FakeApi, session: AvatarSession) -> None:
    @session.on("chat")
    async def bye(event: Dict[str, Any]) -> None:
        await session.disconnect()

    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    api.send("chat", role="user", content="bye")
    await asyncio.wait_for(running, 5)
    assert api.paths()[-1] == "/v1/streaming.stop"


async def test_run_forever_after_the_end_is_done_at_once(api: FakeApi, session: AvatarSession) -> None:
    ended = asyncio.ensure_future(session.wait_for("session_ended"))
    await asyncio.sleep(0)
    api.send("session_ended", reason="idle_timeout", duration=120)
    await ended
    await session.run_forever()
    assert [event async for event in session] == []


async def test_a_cancelled_run_forever_leaves_the_session(api: FakeApi, session: AvatarSession) -> None:
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert api.paths()[-1] == "/v1/streaming.stop"


async def _read_all(session: AvatarSession) -> None:
    async for _ in session:
        pass

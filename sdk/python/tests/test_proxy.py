"""Proxies, as the environment names them: loopback never, everything else always, for HTTP and for the socket alike."""

import asyncio
import gc
import os
import sys
from typing import AsyncIterator, Awaitable, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

import httpcore  # noqa: F401  # looks once whether SOCKS is there, when it is imported; httpx does that late
import pytest

import avatar_sdk._proxy as proxy_module
import avatar_sdk._socket as socket_module
from avatar_sdk import AvatarClient, ConnectionError
from avatar_sdk._proxy import is_excepted, is_loopback, proxy_for
from avatar_sdk.sync import AvatarClient as BlockingClient
from fake_api import SESSION_ID, TOKEN, FakeApi
from helpers import failure_of
from proxies import Proxy, running_proxy

pytestmark = pytest.mark.anyio
# httpcore, below httpx, leaves a socket to the garbage collector when a handshake of SOCKS fails
fails_in_the_handshake = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

LOGIN = "user:p%40ss"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=["http", "socks"])
async def proxy(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Proxy]:
    async with running_proxy(request.param, "user:p@ss") as proxy:
        yield proxy


def behind(api: FakeApi) -> AvatarClient:
    """A client that knows the server by a name which only a proxy can look up."""
    return AvatarClient(elsewhere(api.api_url), elsewhere(api.ws_url), max_retries=0)


def elsewhere(url: str) -> str:
    return url.replace("127.0.0.1", "avatar.test")


async def told(call: Awaitable[object]) -> Tuple[str, str]:
    """Code and text of the failure, whose traceback holds on to what failed."""
    error = await failure_of(call)
    return error.code, str(error)


# --- the way there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
async def test_both_ways_go_through_the_proxy(api: FakeApi, proxy: Proxy, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, proxy.url)
    async with behind(api) as client, await client.create_session() as session:
        assert await session.chat("Hello, how are you?") == "Hello there!"
        assert await session.ping() < 5_000
        result = await session.speak("Welcome to our demo!")
        api.send("speech_finished", task_id=result.task_id, reason="completed", played_ms=900)
        assert (await result.finished(5))["reason"] == "completed"
    assert api.paths() == ["/v1/streaming.new", "/v1/chat.completions", "/v1/avatar.speak", "/v1/streaming.stop"]
    assert set(proxy.targets) == {("avatar.test", api.http_port), ("avatar.test", api.ws_port)}


async def test_a_lost_connection_comes_back_through_the_proxy(api: FakeApi, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "RECONNECT_BASE_S", 0.001)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    async with behind(api).attach(SESSION_ID, TOKEN) as session:
        await api.drop()
        await session.wait_for("session_state", where=lambda event: event["resumed"])
    assert proxy.targets == [("avatar.test", api.ws_port)] * 2


async def test_the_blocking_client_goes_the_same_ways(api: FakeApi, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)

    def blocking() -> str:
        url, ws_url = elsewhere(api.api_url), elsewhere(api.ws_url)
        with BlockingClient(url, ws_url) as client, client.create_session() as session:
            return session.chat("Hello, how are you?")

    # in a thread: the server and the proxy are served by this one
    assert await asyncio.get_running_loop().run_in_executor(None, blocking) == "Hello there!"
    assert set(proxy.targets) == {("avatar.test", api.http_port), ("avatar.test", api.ws_port)}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_this_machine_is_reached_directly(api: FakeApi, proxy: Proxy, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    urls = [url.replace("127.0.0.1", host) for url in (api.api_url, api.ws_url)]
    async with AvatarClient(*urls) as client, await client.create_session() as session:
        assert await session.chat("Hello, how are you?") == "Hello there!"
    assert (len(api.upgrades), proxy.targets) == (1, [])


async def test_what_no_proxy_names_is_reached_directly(api: FakeApi, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "elsewhere.test, avatar.test")
    client = behind(api)
    # nobody here can look the name up
    assert (await failure_of(client.create_session())).code == "CONNECTION_FAILED"
    assert (await failure_of(client.attach(SESSION_ID, TOKEN).connect())).code == "CONNECTION_FAILED"
    assert proxy.targets == []


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["socksio", "python_socks.async_.asyncio"])
async def test_socks_without_its_packages_says_what_to_install(api: FakeApi, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy("socks") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        monkeypatch.setitem(sys.modules, missing, None)
        client = behind(api)
        call = client.create_session() if missing == "socksio" else client.attach(SESSION_ID, TOKEN).connect()
        error = await failure_of(call)
        assert isinstance(error, ConnectionError)
        assert (error.code, error.retryable, error.details) == ("PROXY_UNUSABLE", False, {"variable": "ALL_PROXY"})
        assert 'pip install "avatar-sdk[socks]"' in str(error)
        # what needs no proxy needs no package either
        async with await AvatarClient(api.api_url, api.ws_url).create_session() as session:
            assert await session.chat("Hello, how are you?") == "Hello there!"


@pytest.mark.parametrize(
    "value",
    ["http://", "http://:3128", "http://proxy:port", "http://proxy:99999", "http://pro xy:1", "http://proxy:1/path",
     "http://proxy:1?query", "http://u:%ff@proxy:1", "http://[::1", "ftp://proxy:1", "socks4://proxy:1"],
)  # fmt: skip
async def test_a_proxy_that_is_none_is_named(api: FakeApi, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    client = behind(api)
    for call in (client.create_session, client.attach(SESSION_ID, TOKEN).connect):
        error = await failure_of(call())
        assert isinstance(error, ConnectionError)
        assert (error.code, error.retryable) == ("PROXY_UNUSABLE", False)
        assert "ALL_PROXY" in str(error) and "%ff" not in str(error)


async def test_a_proxy_that_wants_another_password_says_so(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy("http", "user:right") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:wrong@127.0.0.1:{proxy.port}")
        client = behind(api)
        for call in (client.create_session, client.attach(SESSION_ID, TOKEN).connect):
            error = await failure_of(call())
            assert (error.code, error.details) == ("PROXY_UNUSABLE", {"variable": "HTTP_PROXY"})
            assert "wants a user and a password" in str(error) and "wrong" not in str(error)


@fails_in_the_handshake
async def test_a_socks_proxy_that_wants_another_password_says_so(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy("socks", "user:right") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"socks5://user:wrong@127.0.0.1:{proxy.port}")
        client = behind(api)
        for call in (client.create_session, client.attach(SESSION_ID, TOKEN).connect):
            code, text = await told(call())
            assert code == "CONNECTION_FAILED" and "(HTTP_PROXY)" in text and "password" in text and "wrong" not in text
    gc.collect()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_not_there_is_named_without_its_password(api: FakeApi, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://{LOGIN}@127.0.0.1:9")
    client = behind(api)
    for call in (client.create_session, client.attach(SESSION_ID, TOKEN).connect):
        error = await failure_of(call())
        assert (error.code, error.retryable) == ("CONNECTION_FAILED", True)
        assert f"through the proxy {scheme}://127.0.0.1:9 (ALL_PROXY)" in str(error) and "p%40ss" not in str(error)


@fails_in_the_handshake
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_something_else_is_a_failed_connection(api: FakeApi, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy("neither") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        client = behind(api)
        for call in (client.create_session, client.attach(SESSION_ID, TOKEN).connect):
            code, text = await told(call())
            assert code == "CONNECTION_FAILED" and "(ALL_PROXY)" in text
    gc.collect()


# --- which one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "variables", "chosen"),
    [
        ("http://api.test/v1", {"HTTP_PROXY": "http://h:1", "HTTPS_PROXY": "http://s:2", "ALL_PROXY": "http://a:3"}, "h:1"),
        ("https://api.test/v1", {"HTTP_PROXY": "http://h:1", "HTTPS_PROXY": "http://s:2"}, "s:2"),
        ("https://api.test/v1", {"HTTP_PROXY": "http://h:1"}, None),
        ("https://api.test/v1", {"HTTP_PROXY": "http://h:1", "all_proxy": "a:3"}, "a:3"),
        ("ws://api.test/ws", {"HTTP_PROXY": "http://h:1"}, "h:1"),
        ("ws://api.test/ws", {"HTTP_PROXY": "http://h:1", "HTTPS_PROXY": "http://s:2"}, "s:2"),
        ("wss://api.test/ws", {"HTTP_PROXY": "http://h:1", "HTTPS_PROXY": "http://s:2"}, "s:2"),
        ("wss://api.test/ws", {"WSS_PROXY": "http://w:4", "HTTPS_PROXY": "http://s:2"}, "w:4"),
        ("wss://api.test/ws", {"HTTP_PROXY": "http://h:1"}, None),
        ("wss://api.test/ws", {"SOCKS_PROXY": "k:5", "HTTPS_PROXY": "http://s:2"}, "k:5"),
        ("http://api.test/v1", {"http_proxy": "http://lower:1", "HTTP_PROXY": "http://upper:1"}, "lower:1"),
        ("http://api.test/v1", {"ALL_PROXY": "socks://a"}, "a:1080"),
        ("http://api.test/v1", {"ALL_PROXY": "http://[2001:db8::1]"}, "[2001:db8::1]:80"),
        ("http://api.test:port/v1", {"ALL_PROXY": "http://a:3"}, None),
        ("http://[::1]:8000/v1", {"ALL_PROXY": "http://a:3"}, None),
        ("http://10.1.2.3/v1", {"ALL_PROXY": "http://a:3", "no_proxy": "10.0.0.0/8"}, None),
        ("http://api.test/v1", {"ALL_PROXY": "http://a:3", "NO_PROXY": "*"}, None),
        ("http://api.test/v1", {}, None),
    ],
)
async def test_the_variables_say_which(
    address: str, variables: Dict[str, str], chosen: Optional[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(address)
    assert (None if proxy is None else proxy.place) == chosen


async def test_the_libraries_are_told_in_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def socket_of(login: str, decodes: bool) -> str:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{login}@proxy.test")
        monkeypatch.setattr(proxy_module, "websockets_decodes", lambda: decodes)
        proxy = proxy_for("https://api.test/v1")
        assert proxy is not None and str(proxy) == "socks5://proxy.test:1080 (ALL_PROXY)"
        # both have the proxy look names up
        assert proxy.for_http() == f"socks5://{login}@proxy.test:1080"
        return proxy.for_socket()

    assert socket_of(LOGIN, True) == f"socks5h://{LOGIN}@proxy.test:1080"
    assert socket_of("user:p%2Fss", True) == "socks5h://user:p%2Fss@proxy.test:1080"
    assert socket_of(LOGIN, False) == "socks5h://user:p@ss@proxy.test:1080"
    with pytest.raises(ConnectionError, match="newer version of websockets"):
        socket_of("user:p%2Fss", False)


async def test_this_machine_has_many_names() -> None:
    here = ["localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
    there = ["localhost.example.com", "mylocalhost", "128.0.0.1", "10.0.0.1", "0.0.0.0", "::2", "127.0.0.1.nip.test"]
    assert [is_loopback(host) for host in here + there] == [True] * len(here) + [False] * len(there)


async def test_the_list_of_exceptions_is_read_as_others_read_it() -> None:
    def excepted(items: str) -> List[str]:
        urls = [
            "http://example.com",
            "http://api.example.com:8000",
            "http://myexample.com",
            "http://10.1.2.3",
            "http://[2001:db8::1]",
        ]
        hosts = [(parts.hostname or "", parts.port or 80) for parts in map(urlsplit, urls)]
        return [host for host, port in hosts if is_excepted(host, port, items)]

    names = ["example.com", "api.example.com"]
    assert excepted("") == excepted("other.test,.com.example,10.2.0.0/16, ,:80") == []
    assert excepted("example.com") == excepted(".example.com") == excepted("*.Example.com.") == names
    assert excepted("example.com:8000") == ["api.example.com"]
    assert excepted("x.test api.example.com") == ["api.example.com"]
    assert excepted("10.1.2.3") == excepted("10.0.0.0/8") == excepted("10.1.2.3:80") == ["10.1.2.3"]
    assert excepted("2001:db8::/32") == excepted("[2001:db8::1]") == excepted("[2001:db8::1]:80") == ["2001:db8::1"]
    assert len(excepted("other.test,*")) == 5

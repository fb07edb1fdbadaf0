"""Calls of the HTTP API: time limit, retries, errors."""

import asyncio
import json
import logging
import random
from contextlib import asynccontextmanager
from typing import Any, AsyncGenerator, AsyncIterator, Awaitable, Callable, Dict, Optional, TypeVar, cast

import httpx

from ._backoff import backoff_s
from ._proxy import Proxy, proxy_for, refused_login
from .errors import AvatarError, avatar_error, error_of_response

RETRY_BASE_S = 0.25
RETRY_MAX_S = 4.0
MAX_RETRY_AFTER_S = 5.0
"""A longer wait than this is the caller's decision."""
STREAM_SILENCE_S = 130.0
"""Longest pause within a streamed answer."""

logger = logging.getLogger("avatar_sdk")
T = TypeVar("T")


class Transport(httpx.AsyncBaseTransport):
    """Sends each request directly or through the proxy that its address asks for."""

    def __init__(self) -> None:
        self._transports: Dict[Optional[str], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        url = None if proxy is None else proxy.for_http()
        if url not in self._transports:
            self._transports[url] = httpx.AsyncHTTPTransport(proxy=url)
        try:
            response = await self._transports[url].handle_async_request(request)
        except httpx.ProxyError as error:
            if str(error).startswith("407"):
                refused_login(proxy)
            raise
        except httpx.HTTPError:
            raise
        except Exception as error:
            if proxy is None or proxy.scheme != "socks5":
                raise
            # what a SOCKS handshake fails with where something else answers
            raise httpx.ProxyError(f"it does not speak {proxy.scheme}") from error
        if response.status_code == 407 and proxy is not None:
            await response.aclose()
            refused_login(proxy)
        return response

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


class Pool:
    """The connections. They are opened when needed, and closed when the last session is left and no call is under way."""

    def __init__(self, given: Optional[httpx.AsyncClient]) -> None:
        self._given = given
        self._client: Optional[httpx.AsyncClient] = None
        self._calls = 0
        self._sessions = 0
        self._idle_wanted = False

    def session_opened(self) -> None:
        self._sessions += 1

    async def session_left(self) -> None:
        self._sessions -= 1
        if self._sessions == 0:
            await self.aclose()

    def proxy_for(self, url: str) -> Optional[Proxy]:
        """None also for a client of the caller's own, whose ways are unknown here."""
        return proxy_for(url) if self._given is None else None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._given is not None:
            yield self._given
            return
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=None, transport=Transport())
            self._idle_wanted = False
        self._calls += 1
        try:
            yield self._client
        finally:
            self._calls -= 1
            if self._calls == 0 and self._idle_wanted:
                await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections, once the calls under way are done. A later call opens them anew."""
        if self._calls > 0:
            self._idle_wanted = True
            return
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class Http:
    """
    Args:
        base_url: without a slash at the end.
        bearer: API key or session token.
        timeout: longest wait for an answer, seconds.
        max_retries: further attempts of a call that was refused for now, or that is safe to repeat.
    """

    def __init__(self, base_url: str, bearer: Optional[str], *, timeout: float, max_retries: int, pool: Pool) -> None:
        self.base_url = base_url
        self.pool = pool
        self._bearer = bearer
        self._timeout = timeout
        self._max_retries = max_retries

    def with_bearer(self, bearer: str) -> "Http":
        """The same server with another key."""
        return Http(self.base_url, bearer, timeout=self._timeout, max_retries=self._max_retries, pool=self.pool)

    async def json(self, path: str, body: Optional[Dict[str, Any]] = None, *, repeatable: bool = False) -> Any:
        """POST with a body, else GET.

        Args:
            path: below the base, or a whole address.
            repeatable: whether a call whose outcome is unknown may be made again.
        """

        async def attempt() -> Any:
            async with self.pool.client() as client:
                request = self._request(client, path, body)
                response = await asyncio.wait_for(client.send(request), self._timeout)
            self._require_success(response)
            return response.json()

        return await self._with_retries(attempt, repeatable or body is None)

    @asynccontextmanager
    async def stream(self, path: str, body: Dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """A streamed answer; the time limit is for its beginning."""
        async with self.pool.client() as client:

            async def attempt() -> httpx.Response:
                request = self._request(client, path, body)
                # a model may have to be loaded first
                response = await asyncio.wait_for(client.send(request, stream=True), max(self._timeout, STREAM_SILENCE_S))
                if not response.is_success:
                    try:
                        await asyncio.wait_for(response.aread(), self._timeout)
                    finally:
                        await response.aclose()
                    self._require_success(response)
                return response

            response = await self._with_retries(attempt, repeatable=False)
            chunks = cast(AsyncGenerator[bytes, None], response.aiter_bytes())
            try:
                yield chunks
            except httpx.HTTPError as error:
                raise self._translated(error) from error
            finally:
                await chunks.aclose()
                await response.aclose()

    def _request(self, client: httpx.AsyncClient, path: str, body: Optional[Dict[str, Any]]) -> httpx.Request:
        headers = {"accept": "application/json, text/event-stream"}
        if self._bearer is not None:
            headers["authorization"] = f"Bearer {self._bearer}"
        url = path if "://" in path else f"{self.base_url}{path}"
        timeout = httpx.Timeout(STREAM_SILENCE_S, pool=self._timeout)
        return client.build_request("GET" if body is None else "POST", url, json=body, headers=headers, timeout=timeout)

    def _require_success(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        try:
            body = response.json()
        except ValueError:
            # a proxy's page instead of the documented body: the status alone speaks
            body = None
        raise error_of_response(response.status_code, body, response.headers)

    async def _with_retries(self, attempt: Callable[[], Awaitable[T]], repeatable: bool) -> T:
        tries = 1
        while True:
            try:
                return await attempt()
            except (AvatarError, httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError, ValueError) as thrown:
                error = self._translated(thrown)
                wait_s = _pause_before_retry(error, tries, repeatable)
                if tries > self._max_retries or wait_s is None:
                    raise error from (None if error is thrown else thrown)
            logger.debug("calling again: %s, attempt %d, in %.2f s", error.code, tries, wait_s)
            await asyncio.sleep(wait_s)
            tries += 1

    def _translated(self, thrown: Exception) -> AvatarError:
        if isinstance(thrown, AvatarError):
            return thrown
        if isinstance(thrown, (asyncio.TimeoutError, httpx.TimeoutException)):
            return avatar_error("TIMEOUT", f"No answer within {self._timeout:g} s{self._through()}.")
        if isinstance(thrown, (json.JSONDecodeError, UnicodeDecodeError)):
            return avatar_error("INVALID_RESPONSE", "The answer is not JSON; is api_url right?")
        if isinstance(thrown, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return avatar_error("INVALID_REQUEST", f"{self.base_url} is no address of an API: {thrown}")
        if isinstance(thrown, httpx.HTTPError):
            through = self._through()
            reason = f": {str(thrown) or type(thrown).__name__}" if through else ""
            return avatar_error("CONNECTION_FAILED", f"The server at {self.base_url} cannot be reached{through}{reason}.")
        raise thrown

    def _through(self) -> str:
        proxy = self.pool.proxy_for(self.base_url)
        return "" if proxy is None else f" through the proxy {proxy}"


def _pause_before_retry(error: AvatarError, tries: int, repeatable: bool) -> Optional[float]:
    """Seconds; None where a further attempt makes no sense."""
    # an answer that refuses says that nothing was done; no answer says nothing
    refused = error.status in (429, 503)
    if not error.retryable or not (refused or repeatable):
        return None
    after_s = error.retry_after_s
    if after_s is None:
        return backoff_s(tries, RETRY_BASE_S, RETRY_MAX_S)
    return None if after_s > MAX_RETRY_AFTER_S else after_s + random.random() * RETRY_BASE_S

"""Real proxies on this machine: one of HTTP, one of SOCKS 5. They alone know where `avatar.test` is."""

import asyncio
import base64
from contextlib import asynccontextmanager
from typing import AsyncIterator, List, Optional, Tuple
from urllib.parse import quote, urlsplit

NAMES = {"avatar.test": "127.0.0.1"}
"""`.test` is nobody's (RFC 2606): what resolves it here is the proxy."""
Streams = Tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """
    Args:
        login: `user:password` that is wanted, if any.
    """

    def __init__(self, login: Optional[str] = None) -> None:
        self.login = login
        self.targets: List[Tuple[str, int]] = []
        """Host and port of everything that it was asked for."""
        self.writers: List[asyncio.StreamWriter] = []
        """Of every connection, to be closed at the end in any case."""
        self.port = 0
        self.url = ""
        """For a variable, with the login."""

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        method, target, version = line.split(" ")
        wanted = "" if self.login is None else base64.b64encode(self.login.encode()).decode()
        if wanted and f"proxy-authorization: basic {wanted}".lower() not in [field.lower() for field in fields]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            there = await self._reach(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" if there else b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        else:
            url = urlsplit(target)
            there = await self._reach(url.hostname or "", url.port or 80)
            if there:
                there[1].write("\r\n".join([f"{method} {url.path} {version}", *fields]).encode("latin-1"))
            else:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        if there:
            await _join((reader, writer), there)

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # RFC 1928 and, for the password, RFC 1929
        _, count = await reader.readexactly(2)
        method = 0 if self.login is None else 2
        accepted = method in await reader.readexactly(count)
        writer.write(bytes([5, method if accepted else 0xFF]))
        if not accepted:
            return
        if self.login is not None:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = b"%s:%s" % (user, password) == self.login.encode()
            writer.write(bytes([1, 0 if right else 1]))
            if not right:
                return
        _, _, _, kind = await reader.readexactly(4)
        # a name; an address would say that it was looked up on the wrong side
        name = await reader.readexactly((await reader.readexactly(1))[0]) if kind == 3 else await reader.readexactly(4)
        port = int.from_bytes(await reader.readexactly(2), "big")
        there = await self._reach(name.decode("latin-1"), port)
        writer.write(bytes([5, 0 if there else 4, 0, 1, 0, 0, 0, 0, 0, 0]))
        if there:
            await _join((reader, writer), there)

    async def neither(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.test ESMTP\r\n")

    async def _reach(self, host: str, port: int) -> Optional[Streams]:
        self.targets.append((host, port))
        if host not in NAMES:
            return None
        there = await asyncio.open_connection(NAMES[host], port)
        self.writers.append(there[1])
        return there


@asynccontextmanager
async def running_proxy(kind: str, login: Optional[str] = None) -> AsyncIterator[Proxy]:
    """
    Args:
        kind: `http`, `socks`, or `neither`: something else answers.
    """
    proxy = Proxy(login)
    handle = {"http": proxy.http, "socks": proxy.socks, "neither": proxy.neither}[kind]
    connections: List[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that went away
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.writers.append(writer)
        connections.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    userinfo = "" if login is None else f"{quote(login, safe=':')}@"
    proxy.url = f"{'socks5' if kind == 'socks' else 'http'}://{userinfo}127.0.0.1:{proxy.port}"
    try:
        yield proxy
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        for writer in proxy.writers:
            writer.close()


async def _join(one: Streams, other: Streams) -> None:
    """Passes bytes on, both ways, until either side is done."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                data = await reader.read(65_536)
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the connection broke, which ends it as well

    ways = [asyncio.ensure_future(pipe(one[0], other[1])), asyncio.ensure_future(pipe(other[0], one[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        other[1].close()

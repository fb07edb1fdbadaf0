"""Which proxy a connection goes through: one rule for HTTP and for the socket."""

import importlib
import ipaddress
from typing import Dict, NamedTuple, NoReturn, Optional, Tuple, Union
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from websockets.asyncio import client

from .errors import avatar_error

VARIABLES: Dict[str, Tuple[str, ...]] = {
    "http": ("http", "socks", "all"),
    "https": ("https", "socks", "all"),
    # a socket prefers what passes bytes on as they are (RFC 6455, section 4.1)
    "ws": ("ws", "socks", "https", "http", "all"),
    "wss": ("wss", "socks", "https", "all"),
}
"""What is asked, in order, by scheme of the address: each is a variable's name without `_proxy`."""
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080}
SOCKS_NAMES = ("socks", "socks5", "socks5h")
IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
SOCKS_EXTRA = 'pip install "avatar-sdk[socks]"'


class Proxy(NamedTuple):
    scheme: str
    """`http`, `https` or `socks5`."""
    login: str
    """User and password as they stand in an address, with `@`, or nothing."""
    place: str
    """Host and port."""
    variable: str
    """Where it was named."""

    def __str__(self) -> str:
        """For messages: without the password."""
        return f"{self.scheme}://{self.place} ({self.variable})"

    def for_http(self) -> str:
        """As httpx takes it, which has every name looked up by a SOCKS proxy. Raises AvatarError."""
        if self.scheme == "socks5":
            self._require("socksio")
        return f"{self.scheme}://{self.login}{self.place}"

    def for_socket(self) -> str:
        """As websockets takes it; `socks5h` is its word for names that the proxy looks up. Raises AvatarError."""
        scheme = self.scheme
        if scheme == "socks5":
            self._require("python_socks.async_.asyncio")
            scheme = "socks5h"
        address = f"{scheme}://{self.login}{self.place}"
        if "%" not in self.login or websockets_decodes():
            return address
        plain = f"{scheme}://{unquote(self.login)}{self.place}"
        if not _same_place(plain, address):
            text = f"{self.variable} has a password with /, ?, # or brackets, which only a newer version of websockets takes."
            unusable_proxy(self.variable, text)
        return plain

    def _require(self, package: str) -> None:
        try:
            importlib.import_module(package)
        except ImportError:
            unusable_proxy(self.variable, f"{self.variable} names a SOCKS proxy, which needs more packages: {SOCKS_EXTRA}.")


def proxy_for(address: str) -> Optional[Proxy]:
    """What the variables (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, ..., in either case) or the system's settings say.

    None for what is reached directly: always this machine itself. Raises AvatarError for a setting that is no proxy.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None  # no address at all, which whoever opens it says
    if host is None or is_loopback(host):
        return None
    settings = getproxies()
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if is_excepted(host, port, settings.get("no", "")) or proxy_bypass(place):
        return None
    for name in VARIABLES[parts.scheme]:
        if settings.get(name):
            return _read(name, settings[name].strip())
    return None


def is_loopback(host: str) -> bool:
    """Whether it is this machine: `localhost`, what is below it (RFC 6761), 127.0.0.0/8 and ::1."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _ip_address(name)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and bool((mapped or address).is_loopback)


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a host is on the list of `NO_PROXY`: names with all that is below them, addresses, networks, or `*`."""
    name = host.rstrip(".").lower()
    address = _ip_address(name)
    for item in exceptions.lower().replace(",", " ").split():
        if item == "*":
            return True
        if address is not None and _contains(item.strip("[]"), address):
            return True
        known, _, only_port = item.rpartition(":") if item.count(":") == 1 or "]:" in item else (item, "", "")
        known = known.strip("[]").lstrip("*").strip(".")
        if only_port not in ("", str(port)) or not known:
            continue
        if name == known or (address is None and name.endswith(f".{known}")):
            return True
    return False


def websockets_decodes() -> bool:
    """Whether the installed version reads `%40` in a password as `@`: not the last ones for Python 3.9 and 3.10."""
    parse = getattr(client, "parse_proxy", None)
    return parse is None or bool(parse("http://user:%40@proxy").password == "@")


def refused_login(proxy: object) -> NoReturn:
    """The proxy answered 407."""
    unusable_proxy(getattr(proxy, "variable", ""), f"The proxy {proxy} wants a user and a password, or others.")


def unusable_proxy(variable: str, message: str) -> NoReturn:
    raise avatar_error("PROXY_UNUSABLE", message, details={"variable": variable})


def _read(name: str, text: str) -> Proxy:
    variable = f"{name.upper()}_PROXY"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        scheme = "socks5" if name == "socks" or parts.scheme in SOCKS_NAMES else parts.scheme
        if scheme not in PROXY_PORTS:
            unusable_proxy(variable, f"{variable} names a proxy of the kind {scheme!r}; there are http, https and socks5.")
        user, password, host = parts.username, parts.password or "", parts.hostname or ""
        place = f"[{host}]" if ":" in host else host
        # the value is not in the message: it may hold a password
        if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError
        unquote(f"{user or ''}{password}", errors="strict")
        port = parts.port or PROXY_PORTS[scheme]
        proxy = Proxy(scheme, "" if user is None else f"{user}:{password}@", f"{place}:{port}", variable)
        if httpx.URL(f"{scheme}://{proxy.login}{proxy.place}").host != host:
            raise ValueError
    except (ValueError, httpx.InvalidURL):
        unusable_proxy(variable, f"{variable} is no address of a proxy, such as http://proxy.example.com:3128.")
    return proxy


def _same_place(address: str, other: str) -> bool:
    try:
        return urlsplit(address).netloc.rpartition("@")[2] == urlsplit(other).netloc.rpartition("@")[2]
    except ValueError:
        return False


def _ip_address(text: str) -> Optional[IpAddress]:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _contains(network: str, address: IpAddress) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False

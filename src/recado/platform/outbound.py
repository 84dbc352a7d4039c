"""Requests to addresses that a workspace names: never into places that only we can reach."""

import ipaddress
import socket
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

TIMEOUT_SECONDS = 10.0


class Refused(OSError):
    """The address leads where a workspace has no business."""


def allowed(address: str, *, private: bool) -> bool:
    """Whether a request may go to an IP address.

    Args:
        address: As text.
        private: Whether it may be one that is not public, as that of a server of one's own. What
            belongs to this machine's own link (a cloud's metadata among it) is never allowed.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return private or ip.is_global


class Resolver(AbstractResolver):
    """Looks names up, and refuses what they stand for at the moment of connecting.

    ``trusted``: names of our own installation's, which may stand for anything.
    """

    def __init__(self, *, private: bool, trusted: Collection[str] = ()) -> None:
        self._inner = ThreadedResolver()
        self._private = private
        self._trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host not in self._trusted and not all(
            allowed(one["host"], private=self._private) for one in found
        ):
            raise Refused(f"{host} is not a public address")
        return found

    async def close(self) -> None:
        await self._inner.close()


def check(url: str, *, private: bool) -> None:
    """See to addresses that are written as numbers, as nobody looks those up.

    Raises:
        Refused: It leads where a workspace has no business.
        ValueError: It is no address.
    """
    host = urlsplit(url).hostname or ""
    try:
        literal = bool(ipaddress.ip_address(host))
    except ValueError:
        literal = False
    if literal and not allowed(host, private=private):
        raise Refused(f"{host} is not a public address")


async def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> int:
    """Send a body and return the answer's status; redirects are not followed.

    Raises:
        OSError, aiohttp.ClientError, TimeoutError, ValueError: There was none.
    """
    check(url, private=private)
    connector = aiohttp.TCPConnector(resolver=Resolver(private=private), use_dns_cache=False)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        ) as answer,
    ):
        return answer.status

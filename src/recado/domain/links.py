"""Addresses of files that a provider is told to fetch.

The provider's server fetches them, and with Evolution that is a machine in our own network: an
address must not lead it to what only machines in there may see. Names are judged as they are
written; where they lead is not looked up, as that may change by the time they are fetched.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from recado.domain.errors import InvalidInput

LONGEST: Final = 2048
# Names that are never told to the world, by the standards that reserve them and by habit.
_PRIVATE_ENDINGS: Final = (
    *("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa"),
    *("test", "invalid", "onion"),
)
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62})", re.ASCII)
# Addresses with another one inside, which nobody need write: mapped, NAT64, 6to4, Teredo.
_BRIDGES: Final = tuple(
    map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/32", "2002::/16", "2001::/32"))
)


class InvalidLink(InvalidInput):
    code = "invalid_link"
    sentence = "The link cannot be used: {reason}. Give a public http or https address."


def check(link: str, *, allow_private: bool = False) -> None:
    """See that an address may be fetched.

    Args:
        link: As it was given; no part of it is mended.
        allow_private: Also from hosts that only our own network knows.

    Raises:
        InvalidLink: It is none, or leads where it must not.
    """
    if len(link) > LONGEST:
        raise InvalidLink(reason=f"it has more than {LONGEST} characters")
    if not link.isascii() or not link.isprintable() or any(char in ' "<>\\^`{|}' for char in link):
        raise InvalidLink(reason="it has characters that must be written with a percent sign")
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidLink(reason="it is no address") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidLink(reason="it does not begin with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise InvalidLink(reason="it has a user name in it")
    if not allow_private and not _public(host.removesuffix(".")):
        raise InvalidLink(reason="its host is a private one")


def _public(host: str) -> bool:
    labels = host.split(".")
    try:
        return _public_address(ip_address(host))
    except ValueError:
        pass
    # What ends in a number is an address in an old way of writing, such as 127.1 or 0x7f000001.
    if _NUMERIC.fullmatch(labels[-1]) or not all(_NAME.fullmatch(label) for label in labels):
        return False
    return len(labels) > 1 and labels[-1] not in _PRIVATE_ENDINGS


def _public_address(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and any(address in network for network in _BRIDGES):
        return False
    return address.is_global and not address.is_multicast

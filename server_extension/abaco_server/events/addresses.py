"""Which addresses the service may post to.

A webhook is a URL that a user names and the server opens: without a rule, users reach what only
the server reaches, such as services on its loopback or a cloud's metadata. The rule is asked of
the very address that is connected to, so a name that changes its mind in between gains nothing.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether anybody on the Internet could reach it, and nobody is reached by accident."""
    found = _inner(ip_address(address.partition("%")[0]))
    return found.is_global and not found.is_multicast


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    return address if inner is None else inner

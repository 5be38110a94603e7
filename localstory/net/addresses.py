"""What can be told from an address alone."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """True for this machine itself: "localhost" and the loopback addresses. Asks no name server."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback

"""The one HTTP client: refuses what the offline switch forbids, and keeps a log of what went out.

Everything blocks and is meant for threads (`asyncio.to_thread`). All errors are `errors.NetTrouble`.
"""

from __future__ import annotations

from localstory.net.addresses import is_loopback, shown_address, typed_address
from localstory.net.client import Answer, Connection, Net, Patience, Piece, is_offline_by_environment

__all__ = ["Answer", "Connection", "Net", "Patience", "Piece", "is_loopback", "is_offline_by_environment", "shown_address", "typed_address"]

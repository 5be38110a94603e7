"""Whose turn it is: one request at a time, clients by turns, each client's own requests in the order they came."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator

from localstory.net import is_loopback
from localstory.server.refusals import TooBusy

WAITING = 64
"""As many requests may wait."""


def client_of(address: str, program: str = "", person: str = "") -> str:
    """Who asks. In the network that is an address: whatever else a client says of itself, it can't get more turns by it.

    On this computer all have the same address: there programs are told apart by what they call themselves (User-Agent), and within one
    by the person for whom it says that it asks (OpenAI's fields `safety_identifier` and `user`).
    """
    return "\0".join((address, program[:200], person[:200])) if is_loopback(address.split("%")[0]) else address


class Turns:
    """Belongs to one asyncio loop. Cancel the task that waits, or that works, and the next one begins.

    Clients are told apart as `client_of` does. One alone may fill three quarters of the queue, so that it never keeps another out.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self._most = waiting
        self._most_each = waiting - waiting // 4
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # the client whose turn is next comes first
        self._is_taken = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(len(queue) for queue in self._queues.values())

    @contextlib.asynccontextmanager
    async def taken(self, client: str) -> AsyncIterator[None]:
        """Wait for the turn, and hold it inside the block. Raises TooBusy at once when the queue is full."""
        await self._take(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, client: str) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        waiting, own = self.waiting, len(self._queues.get(client, ()))
        if waiting >= self._most or own >= self._most_each:
            raise TooBusy(waiting, retry_seconds=2 + waiting // 8)
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # cancelled in the very moment that it was its turn
                self._pass_on()
            else:
                self._forget(client, turn)
            raise

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(client)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[client]

    def _pass_on(self) -> None:
        while self._queues:
            client, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

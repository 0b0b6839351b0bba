"""When each access key was last used: noted in memory with every request, written down now and then.

A write for every signed request would cost more than most requests. AWS itself tells of a use hours later; what a crash
forgets here is less than that.
"""

from typing import Any

from pileus.services.iam.state import KeyUse
from pileus.services.iam.transitions import access_keys

WRITE_EVERY_MS = 15 * 60 * 1000


class Usage:
    """Found by the operations in `cloud.engines["iam"]`."""

    def __init__(self, cloud: Any) -> None:
        self._cloud = cloud
        self._unwritten: dict[str, tuple[int, str, str]] = {}
        self._is_waiting = False

    def note(self, access_key_id: str, service: str, region: str) -> None:
        now_ms = self._cloud.clock.now_ms()
        self._unwritten[access_key_id] = now_ms, service, region
        if not self._is_waiting:
            self._is_waiting = True
            self._cloud.tasks.start("iam.usage", self._write_at(now_ms + WRITE_EVERY_MS))

    def last(self, access_key_id: str) -> KeyUse | None:
        """The last use if it is not written down yet."""
        found = self._unwritten.get(access_key_id)
        return None if found is None else KeyUse(access_key_id, *found)

    async def write(self) -> None:
        uses = [KeyUse(key, *use) for key, use in self._unwritten.items()]
        self._unwritten = {}
        if uses:
            await self._cloud.store.write(access_keys.note_uses, uses)

    async def _write_at(self, at_ms: int) -> None:
        try:
            await self._cloud.clock.wait_until(at_ms)
        finally:
            self._is_waiting = False
        await self.write()


async def start(cloud: Any) -> None:
    cloud.engines["iam"] = Usage(cloud)


async def stop(cloud: Any) -> None:
    await cloud.engines["iam"].write()


def key_used(cloud: Any, access_key_id: str, service: str, region: str) -> None:
    # Only keys that were made here: the well-known ones are nobody's to look up.
    if access_key_id.startswith("AKIA"):
        cloud.engines["iam"].note(access_key_id, service, region)

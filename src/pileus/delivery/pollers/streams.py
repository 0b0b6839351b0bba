"""The poller of a stream: which shards are to be read now, and one reader for each."""

import asyncio

from pileus.delivery.pollers import checkpoints
from pileus.delivery.pollers.plan import Plan
from pileus.delivery.pollers.resting import Pollers
from pileus.delivery.pollers.shards import ShardReader
from pileus.delivery.pollers.trouble import Trouble
from pileus.delivery.sources import Shard


class StreamPoller:
    """`run` until `stop`. A shard is read when its parents are done: so a key's records stay in order across a split."""

    def __init__(self, pollers: Pollers, plan: Plan) -> None:
        self._pollers = pollers
        self._plan = plan
        self._store = pollers.cloud.store
        self._bell = asyncio.Event()
        self._readers: dict[str, ShardReader] = {}
        self._trouble = Trouble(pollers, plan)
        self._is_stopping = False
        self.begun = asyncio.Event()
        """Set once its starting positions are kept, and what arrives from then on is not missed; or it could not."""

    def start(self) -> None:
        self._task = self._pollers.start(f"poller.{self._plan.id}", self._run())

    async def stop(self) -> None:
        """Read nothing more, and return when the batches under way have ended and what they achieved is kept."""
        self._is_stopping = True
        self._bell.set()
        self._trouble.bell.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        plan = self._plan
        async with (
            self._trouble,
            self._store.watch(plan.source.topic(plan.reader, None), arrived=self._bell),
            self._store.watch(plan.target.topic(), arrived=self._bell),
        ):
            while not self._is_stopping:
                self._trouble.try_again()
                try:
                    missing = plan.target.missing()
                    if missing is None:
                        await self._follow()
                        await self._trouble.over()
                    else:
                        await self._trouble.tell(missing)
                except Exception as error:
                    # Delivery's edge: whatever went wrong, the stream still has its records. Try again, not at once.
                    self.begun.set()
                    if not self._is_stopping:
                        await self._trouble.rest_after(error)
                    continue
                self.begun.set()
                await self._pollers.rest(self._bell)
            for reader in self._readers.values():
                reader.stop()
            while any(not reader.has_ended for reader in self._readers.values()):
                await self._pollers.rest(self._bell)

    async def _follow(self) -> None:
        """Look which shards there are; start readers of those whose turn has come."""
        plan = self._plan
        shards = await plan.source.shards(plan.reader)
        known, _ = self._store.look(checkpoints.every, plan.id)
        if "" not in known:
            positions = {shard.id: await self._begin(shard) for shard in shards}
            await self._store.write(checkpoints.begin, plan.id, positions)
            known, _ = self._store.look(checkpoints.every, plan.id)
        if {shard.id for shard in shards} != known.keys() - {""}:
            await self._store.write(checkpoints.follow, plan.id, shards)
            known, _ = self._store.look(checkpoints.every, plan.id)
        for shard_id in [shard_id for shard_id, reader in self._readers.items() if reader.has_ended]:
            del self._readers[shard_id]
        there = {shard.id for shard in shards}
        for shard in shards:
            is_due = all(parent not in there or known[parent].is_finished for parent in shard.parents)
            if is_due and not known[shard.id].is_finished and shard.id not in self._readers:
                self._readers[shard.id] = ShardReader(self._pollers, plan, shard.id, self._bell)
                self._readers[shard.id].start()

    async def _begin(self, shard: Shard) -> str:
        plan = self._plan
        return await plan.source.begin(plan.reader, shard.id, plan.starting_position, plan.starting_at_ms)

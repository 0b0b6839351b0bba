"""What keeps a poller from reading: what is told of it, and how long the poller rests.

What passes by itself (a full disk, a service that failed) is tried again soon. What somebody has to mend (a queue that
is gone, a role without its permission) is tried when a notice says that it may be mended: the source was made or opened
to its reader, what its role may do has changed, the target is another. For what no notice tells of it is tried later and later
besides, at least once in a quarter of an hour.
"""

import asyncio
import logging
from contextlib import AsyncExitStack

from pileus.delivery.pollers.plan import INTERNAL, NO_RECORDS, Plan
from pileus.delivery.pollers.resting import Pollers
from pileus.delivery.sources import ReaderLost, SourceGone
from pileus.kernel.errors import AccessDenied, AwsError

log = logging.getLogger("pileus.delivery")

FAULT_FIRST_MS, FAULT_LAST_MS = 1_000, 60_000
PROBLEM_FIRST_MS, PROBLEM_LAST_MS = 60_000, 900_000
OVER_AFTER_MS = 60_000
"""What went well for so long begins anew when it fails."""


class Trouble:
    """Of one task that polls. Watches from `async with` on; `bell` rings when another try may be worth it."""

    def __init__(self, pollers: Pollers, plan: Plan) -> None:
        self._pollers = pollers
        self._plan = plan
        self._clock = pollers.cloud.clock
        self._watches = AsyncExitStack()
        self._rights_watches = AsyncExitStack()
        self._rights: tuple[str, ...] = ()
        self._began_ms: int | None = None
        self._tried_ms = 0
        self._logged = ""
        self._is_told = False
        self.bell = asyncio.Event()

    async def __aenter__(self) -> "Trouble":
        plan, watch = self._plan, self._pollers.cloud.store.watch
        for topic in (plan.source.mended(plan.reader), plan.target.topic()):
            await self._watches.enter_async_context(watch(topic, arrived=self.bell))
        await self._follow_role()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._rights_watches.aclose()
        await self._watches.aclose()

    async def _follow_role(self) -> bool:
        """Watch the role that reads now; return whether that is another one than the last time."""
        rights, watch = self._plan.reader.rights(), self._pollers.cloud.store.watch
        if rights == self._rights:
            return False
        await self._rights_watches.aclose()
        for topic in rights:
            await self._rights_watches.enter_async_context(watch(topic, arrived=self.bell))
        self._rights = rights
        return True

    def try_again(self) -> None:
        """What rang before this try has been seen."""
        self.bell.clear()

    async def rest_after(self, error: Exception) -> None:
        """Tell of it, and rest until it is time for another try. What arrives meanwhile mends nothing."""
        await self.tell_of(error)
        if await self._follow_role():
            self.bell.set()  # it may have been mended before it was watched
        await self._pollers.rest(self.bell, self._clock.now_ms() + self._pause_ms(error))
        self._tried_ms = self._clock.now_ms()

    def _pause_ms(self, error: Exception) -> int:
        """As long as it has lasted already, so that the tries are ever fewer, whatever rang between them."""
        now_ms = self._clock.now_ms()
        if self._began_ms is None or now_ms - self._tried_ms > OVER_AFTER_MS:
            self._began_ms = now_ms
        is_fault = isinstance(error, AwsError) and error.is_fault
        first_ms, last_ms = (FAULT_FIRST_MS, FAULT_LAST_MS) if is_fault else (PROBLEM_FIRST_MS, PROBLEM_LAST_MS)
        return min(max(now_ms - self._began_ms, first_ms), last_ms)

    async def tell_of(self, error: Exception) -> None:
        # The same trouble is logged once, however often it is met.
        level = logging.DEBUG if str(error) == self._logged else logging.WARNING
        self._logged = str(error)
        log.log(level, "the poller %s of %s can't go on: %s", self._plan.id, self._plan.reader.arn, error)
        log.debug("poller failed", exc_info=error)
        await self.tell(problem_of(error))

    async def tell(self, problem: str) -> None:
        self._is_told = True
        await self.say(problem)

    async def over(self) -> None:
        """It reads again: take back what was told. Whatever a batch comes to is told after this."""
        if self._is_told:
            self._is_told = False
            self._logged = ""
            await self.say(NO_RECORDS)

    async def say(self, result: str) -> None:
        try:
            await self._plan.said(result)
        except AwsError as error:
            log.warning("the result of %s is not kept: %s", self._plan.id, error)


def problem_of(error: Exception) -> str:
    """What is told of an error while polling."""
    if isinstance(error, (SourceGone, ReaderLost)):
        return f"PROBLEM: {error.message}"
    if isinstance(error, AccessDenied) or "AccessDenied" in getattr(error, "code", ""):
        return f"PROBLEM: The execution role lacks permission: {error}"
    return INTERNAL

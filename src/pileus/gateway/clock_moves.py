"""Moving the one clock, as those ask for it who may: `pileus clock` and the console."""

import re
from datetime import datetime
from typing import Protocol

from pileus.gateway.pipeline import Gateway
from pileus.kernel.call import Cloud
from pileus.kernel.service import Registry

_UNITS_MS = {"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w)?\Z")
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999: AWS's timestamps know none later."""


class Movable(Cloud, Protocol):
    """The cloud as its own pages tell of it and move it: the composition root."""

    gateway: Gateway
    registry: Registry

    def isolation(self) -> dict[str, str]: ...

    async def advance(self, ms: int) -> bool: ...

    async def keep_clock(self) -> None: ...


async def move(cloud: Movable, wish: object) -> bool | None:
    """Do what `wish` says: {"advance": "30d"}, {"set": time}, {"freeze": true or time} or {"resume": true}.

    returns  where time passed: whether all was quiet at the end. See `Pileus.advance`
    errors   ValueError
    """
    is_quiet = None
    if not isinstance(wish, dict):
        raise ValueError("say advance, set, freeze or resume")
    if "advance" in wish:
        is_quiet = await _advance(cloud, duration_ms(str(wish["advance"])))
    elif "set" in wish:
        is_quiet = await _advance(cloud, _forward(cloud.clock.now_ms(), str(wish["set"])))
    elif wish.get("freeze"):
        if wish["freeze"] is not True:
            _forward(cloud.clock.now_ms(), str(wish["freeze"]))  # refused before anything stands
        cloud.clock.freeze()  # first: a running clock would have passed the time by the moment it is there
        if wish["freeze"] is not True:
            is_quiet = await _advance(cloud, _forward(cloud.clock.now_ms(), str(wish["freeze"])))
    elif wish.get("resume") is True:
        cloud.clock.resume()
    else:
        raise ValueError("say advance, set, freeze or resume")
    await cloud.keep_clock()
    return is_quiet


async def _advance(cloud: Movable, ms: int) -> bool:
    if cloud.clock.now_ms() + ms > _LAST_MS:
        raise ValueError("the clock ends with the year 9999")
    return await cloud.advance(ms)


def duration_ms(text: str) -> int:
    """ "90s", "5m", "12h", "30d", or plain milliseconds. Raises ValueError."""
    found = _DURATION.match(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 90s, 5m, 12h or 30d")
    return int(found.group(1)) * _UNITS_MS[found.group(2) or ""]


def _forward(now_ms: int, time: str) -> int:
    at_ms = int(datetime.fromisoformat(time).timestamp() * 1000)
    if at_ms < now_ms:
        raise ValueError("the clock moves only forward")
    return at_ms - now_ms

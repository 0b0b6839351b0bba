"""Pages that are read in turns, between which others run: a page may take longer than anybody should wait."""

import asyncio
from collections.abc import Callable
from typing import Any

from pileus.kernel.call import Call


async def in_turns(call: Call, read: Callable, /, *args: Any, **named: Any) -> Any:
    """Read all turns of a page.

    read   fn(tx, …, begun), which only looks and returns the page; `begun` is the page so far, and None at first.
           A page that has a `paused_at` goes on behind it
    """
    page = await call.read(read, *args, **named)
    seen = {call.seen}
    while page.paused_at:
        await asyncio.sleep(0)
        page = await call.read(read, *args, **named, begun=page)
        seen.add(call.seen)
    for commit in seen - {call.seen}:
        # The gateway waits for the last one; but what an earlier turn saw may have been taken back since.
        await call.cloud.store.durable(commit)
    return page

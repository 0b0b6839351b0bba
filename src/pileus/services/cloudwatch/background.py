"""What happens without a call: contributions come in, and go when they are old."""

from pileus.kernel.call import Cloud
from pileus.services.cloudwatch.state import contributions
from pileus.store.events import Event


async def contributed(cloud: Cloud, event: Event) -> None:
    """A service counted a minute of one of its rules.

    payload  account, region, rule (its name), minute_ms (its start), contributors [[[key, …], value], …] from the
             largest on, unique (how many different ones there were, approximately), samples (how many events), sum
             (of all values)
    """
    await cloud.store.write(contributions.keep, event.payload)


EVENTS = {"cloudwatch.contributed": contributed}
TIMERS = {"cloudwatch.expire": contributions.expire}

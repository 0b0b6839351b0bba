"""One call of one operation: who, where, when, and the ways an operation may reach the rest of the cloud."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from pileus.kernel.arn import partition_of
from pileus.kernel.clock import Clock
from pileus.kernel.http import Body, Peer
from pileus.kernel.ids import Ids
from pileus.kernel.principal import Principal
from pileus.kernel.tasks import Tasks


class Worker(Protocol):
    """What works by itself beside the calls. The cloud is quiet when all workers are idle, and whoever moves the clock
    stops wherever one of them is due."""

    @property
    def is_idle(self) -> bool:
        """It does nothing now, and has nothing to do before `next_due_ms` or somebody's commit."""
        ...

    async def wait_idle(self) -> None: ...

    async def turn(self) -> None:
        """Return when what is under way or due now has been done once, whatever follows from it meanwhile."""
        ...

    def next_due_ms(self) -> int: ...


class Cloud(Protocol):
    """What every service may reach. The composition root (`app.py`) is the one that there is."""

    clock: Clock
    ids: Ids
    tasks: Tasks
    settings: Any
    store: Any
    blobs: Any
    workers: list[Worker]
    """Who works beside the calls; a service adds its own when it starts."""
    session_key: bytes
    """Seals the tokens of temporary credentials (authn/sessions.py)."""

    async def service(self, name: str) -> Any:
        """A service, imported and started at its first use; None where there is none of this name."""
        ...

    async def is_function(self, peer: Peer | None) -> bool:
        """Whether a connection on loopback was made by a function that runs here, not by a program of the user's."""
        ...

    def call(
        self,
        service: str,
        operation: str = "",
        *,
        principal: Principal,
        account: str | None = None,
        region: str | None = None,
    ) -> "Call":
        """A call that begins inside the cloud."""
        ...

    async def invoke(self, call: "Call", request: dict) -> dict:
        """Validate, authorize and run `call.operation`, as the gateway does with one that came over HTTP."""
        ...

    async def authorize(self, call: "Call", request: dict) -> None:
        """Raise AccessDenied where `invoke` would, and do nothing else."""
        ...

    async def authorize_touches(self, call: "Call", touches: Iterable[Any]) -> None:
        """Return if the call may touch these. Raises AccessDenied."""
        ...

    async def strangers(self, names: Iterable[str]) -> list[str]:
        """Those of the principals, ARNs or unique ids, that are nobody's."""
        ...


class Call(msgspec.Struct):
    """`account` and `region` are those the call is made in; `principal` is who makes it.

    A struct, as all values that are made for each request: made in a quarter of a dataclass's time, or a tenth of a frozen one's.
    """

    cloud: Cloud
    service: str
    operation: str
    account: str
    region: str
    principal: Principal
    request_id: str
    now_ms: int
    source_ip: str = "127.0.0.1"
    is_secure: bool = True
    endpoint: str = "http://localhost:4566"
    user_agent: str = ""
    source_arn: str | None = None
    """The resource on whose behalf a service principal calls: aws:SourceArn."""
    http: Any = None
    """The HttpRequest, for the few operations that need more than their parsed input; None inside the cloud."""
    body: Body | None = None
    """The body that came over the wire, which knows whether the client is still there; None inside the cloud."""
    context: Mapping[str, Any] = {}
    """The condition keys that the gateway collected for authorization."""
    seen: int = 0
    """The newest commit this call has looked at: it is on disk before the answer goes out."""
    is_of_page: bool = False
    """A page of the console asks, for its visitor."""

    @property
    def is_from_outside(self) -> bool:
        """Whether somebody asks who uses the cloud, not one of its own services."""
        return self.http is not None or self.is_of_page

    @property
    def clock(self) -> Clock:
        return self.cloud.clock

    @property
    def ids(self) -> Ids:
        return self.cloud.ids

    async def read(self, fn: Callable, /, *args, **kwargs) -> Any:
        """Run a plain `fn(tx, …)` that only looks."""
        result, self.seen = self.cloud.store.look(fn, *args, **kwargs)
        return result

    def write(self, fn: Callable, /, *args, **kwargs) -> Awaitable[Any]:
        """Run a transition `fn(tx, …)`; return what it returned once it is committed to disk."""
        return self.cloud.store.write(fn, *args, **kwargs)

    async def authorize(self, touches: Iterable[Any]) -> None:
        """Return if the caller may touch these (kernel.service.Touch); raises AccessDenied.

        For operations of which each part is allowed or denied by itself: their entry in authorize.py is empty.
        """
        await self.cloud.authorize_touches(self, touches)

    async def strangers(self, names: Iterable[str]) -> list[str]:
        """Those of the users and roles, ARNs or unique ids, that are not there: a resource's policy can't name them.

        source  IAM user guide, "AWS JSON policy elements: Principal"
        """
        return await self.cloud.strangers(names)

    def watch(self, topic: str) -> AbstractAsyncContextManager:
        """Subscribe to `tx.notify(topic)`; see store/watch.py. Waiting ends with WatcherGone when the client leaves."""
        return self.cloud.store.watch(topic, None if self.body is None else self.body.disconnected)

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{partition_of(self.region)}:{service}:{region}:{account}:{resource}"

    async def invoke(
        self,
        service: str,
        operation: str,
        request: dict,
        *,
        principal: Principal | None = None,
        account: str | None = None,
        region: str | None = None,
        source_arn: str | None = None,
    ) -> dict:
        """Ask another service, as the same principal or as `principal`: authorized and recorded like anyone."""
        call = Call(
            self.cloud,
            service,
            operation,
            account or self.account,
            region or self.region,
            principal or self.principal,
            self.cloud.ids.uuid(),
            self.cloud.clock.now_ms(),
            source_ip=self.source_ip,
            is_secure=self.is_secure,
            endpoint=self.endpoint,
            user_agent=f"{self.service}.amazonaws.com" if principal else self.user_agent,
            source_arn=source_arn,
        )
        return await self.cloud.invoke(call, request)

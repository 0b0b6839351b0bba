"""The pipeline's question to the policy engine: may this principal do this, to these?

The service says what a call touches (its authorize.py), the service that keeps policies says which apply, `authz`
decides. Denied is denied before the operation runs.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from pileus.authz import evaluate as engine
from pileus.authz.context import RequestContext, RequestFacts
from pileus.authz.policy import Policy, parse
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AccessDenied, NotImplementedByUs
from pileus.kernel.service import Service, Touch

log = logging.getLogger("pileus.iam")

REMEMBERED_DENIALS = 1000
NOBODY = engine.Policies()


@dataclass(frozen=True)
class Denial:
    """What `pileus iam explain` shows of one."""

    request_id: str
    policies: engine.Policies
    access: engine.Access
    decision: engine.Decision


class Authorizer:
    """`identity`: the service that keeps the policies of users and roles."""

    __slots__ = (
        "_cloud",
        "_identity_service",
        "_mode",
        "denials",
    )

    def __init__(self, cloud: Cloud, identity: str) -> None:
        self._cloud = cloud
        self._identity_service = identity
        self._mode = cloud.settings.iam
        self.denials: OrderedDict[str, Denial] = OrderedDict()

    def check(self, service: Service, call: Call, request: dict) -> Awaitable[None] | None:
        """Raise AccessDenied, with AWS's words, if the call may not go on; now or when what is returned is awaited."""
        if self._mode == "off":
            return None
        touches_of = service.authorize.RESOURCES.get(call.operation)
        if touches_of is None:
            raise NotImplementedByUs(f"the authorization of {service.name}:{call.operation}")
        touches = touches_of(call, request)
        if type(touches) is not list and hasattr(touches, "__await__"):
            return self._check_awaited(service, call, touches)
        return self.check_touches(service, call, touches)

    async def _check_awaited(self, service: Service, call: Call, touches: Awaitable[Iterable[Touch | str]]) -> None:
        waits = self.check_touches(service, call, await touches)
        if waits is not None:
            await waits

    def check_touches(self, service: Service, call: Call, touches: Iterable[Touch | str]) -> Awaitable[None] | None:
        """Raise AccessDenied, with AWS's words, if the call may not touch these; now or when the result is awaited."""
        if self._mode == "off":
            return None
        left = iter(touches)
        asked = self._next_asked(service, call, left)
        return None if asked is None else self._decide_all(service, call, asked, left)

    def _next_asked(
        self, service: Service, call: Call, left: Iterator[Touch | str]
    ) -> tuple[Touch, str, Policy | None] | None:
        """The next touch that is for policies to decide, the account that owns it, and its own policy."""
        for touch in left:
            if type(touch) is str:
                touch = Touch(action_of(service, call.operation), touch)
            resource_policy = self._resource_policy(service, call, touch)
            account = touch.resource_account or _account_of(touch.resource) or call.account
            if resource_policy is None and call.principal.kind == "root" and call.principal.account == account:
                continue  # the account's root, and nobody but the resource's own policy could deny it
            return touch, account, resource_policy
        return None

    async def _decide_all(
        self, service: Service, call: Call, asked: tuple[Touch, str, Policy | None] | None, left: Iterator[Touch | str]
    ) -> None:
        identity = await self._identity(call)
        while asked is not None:
            self._decide(service, call, *asked, identity)
            asked = self._next_asked(service, call, left)

    def _decide(
        self,
        service: Service,
        call: Call,
        touch: Touch,
        account: str,
        resource_policy: Policy | None,
        identity: engine.Policies,
    ) -> None:
        tags_of = getattr(service.authorize, "resource_tags", None)
        facts = RequestFacts(
            call.now_ms,
            source_ip=call.source_ip,
            is_secure=call.is_secure,
            region=call.region,
            user_agent=call.user_agent,
            referer="" if call.http is None else call.http.headers.get("referer", ""),
            resource_account=account,
            resource_tags=(lambda: _looked_up(call, tags_of, touch.resource)) if tags_of else {},
            request_tags=touch.request_tags,
            source_arn=call.source_arn or "",
        )
        context = RequestContext(call.principal, facts, touch.context)
        access = engine.Access(call.principal, touch.action, touch.resource, account, context)
        policies = replace(
            identity, resource=resource_policy, resource_kind=touch.policy_kind or resource_kind(service)
        )
        decision = engine.evaluate(policies, access)
        if decision.allowed:
            return
        self.denials[call.request_id] = Denial(call.request_id, policies, access, decision)
        if len(self.denials) > REMEMBERED_DENIALS:
            self.denials.popitem(last=False)
        if self._mode == "audit":
            log.warning("would be denied (%s): %s", call.request_id, decision.message())
            return
        words_of = getattr(service.authorize, "denial", engine.Decision.message)
        raise AccessDenied(words_of(decision))

    async def _identity(self, call: Call) -> engine.Policies:
        service = await self._cloud.service(self._identity_service)
        if service is None:
            return NOBODY
        return await call.read(service.policies, call.principal)

    def _resource_policy(self, service: Service, call: Call, touch: Touch) -> Policy | None:
        text, policy_of = touch.policy, getattr(service.authorize, "resource_policy", None)
        if text is None and policy_of is not None:
            text, call.seen = self._cloud.store.look(policy_of, call, touch.resource)
        return None if text is None else parse(text, "resource")


def _looked_up(call: Call, tags_of: Callable, resource: str) -> dict[str, str]:
    """A resource's tags, read only where a policy asks for them."""
    tags, call.seen = call.cloud.store.look(tags_of, call, resource)
    return tags or {}


@lru_cache(maxsize=8192)
def action_of(service: Service, operation: str) -> str:
    """ "sqs:SendMessage"; the service's ACTIONS says where the action is named otherwise than the operation."""
    return getattr(service.authorize, "ACTIONS", {}).get(operation) or f"{service.iam_prefix}:{operation}"


def resource_kind(service: Service) -> str:
    """What the service's resource policies are called in a denial, and whether they must grant."""
    return getattr(service.authorize, "RESOURCE_POLICY_KIND", engine.RESOURCE)


@lru_cache(maxsize=8192)
def _account_of(resource: str) -> str:
    arn = parse_arn(resource)
    return "" if arn is None else arn.account

"""What a service is, and where they are found.

A service is one folder below `services/`. Its `__init__.py` says `SERVICE = Service(...)`; that is the only
registration. Operations are the functions of its `operations` module named as the model's operations are, in
snake_case; an operation of the model without such a function answers 501 by name.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[0-9]+[A-Z])")

Operation = Callable[[Any, dict], Awaitable[dict | None]]


class Touch(msgspec.Struct, frozen=True):
    """One thing a call touches: the IAM action it takes, the resource's ARN, and the service's own condition keys.

    resource_account  the account that owns the resource where the ARN doesn't say it (S3); None: as in the ARN
    request_tags      tags that the call wants to set: aws:RequestTag/…, aws:TagKeys
    policy            the resource's own policy (JSON text) where another service keeps it (STS asks IAM for a role's), or
                      where this action alone is another account's to take (CreateTable of a global table's replica)
    policy_kind       authz.evaluate's TRUST or KEY where this policy must grant; None: as the service's others
    """

    action: str
    resource: str = "*"
    context: Mapping[str, Any] = {}
    resource_account: str | None = None
    request_tags: Mapping[str, str] = {}
    policy: str | None = None
    policy_kind: str | None = None


@dataclass(frozen=True, eq=False)
class Service:
    """
    name            botocore's name of the model, e.g. "sqs"
    operations      module (or several) with one async function per operation: fn(call, request) -> result
    authorize       module with
                      RESOURCES: operation -> fn(call, request) -> iterable of ARNs (str) or Touch, may be async
                      ACTIONS (optional): operation -> IAM action, where it isn't "<prefix>:<Operation>"
                      IAM_PREFIX (optional): where it isn't `name`
                      RESOURCE_POLICY_KIND (optional): authz.evaluate's TRUST or KEY where such policies must grant
                      resource_policy(tx, call, arn) (optional) -> policy document as JSON text, or None
                      resource_tags(tx, call, arn) (optional) -> dict for aws:ResourceTag/…, or None
                      denial(decision) (optional) -> what the denied are told, where it isn't decision.message()
    resources       dotted module with RESOURCE_TYPES, loaded when a stack first needs it
    timers          kind -> transition fn(tx, key), run in one transaction with the timer's removal
    events          kind -> async fn(cloud, event) that delivers an outbox event, or raises to have it tried again
    start           async fn(cloud), once, before the service's first call or event
    stop            async fn(cloud), once at the end, if it was started
    routes          path prefix -> async fn(cloud, request), for HTTP that is no AWS API; the prefix is "/-name/…"
    violation       fn(list of violations) -> AwsError, where the service words its validation errors its own way
    check_body      fn(operation, request, body, trailers) that refuses a body which is not what the request's headers
                    or trailers state of it; for operations that don't stream their body
    beyond_model    async fn(call, key_holder) -> HttpResponse, for requests that mean the service and no operation of
                    its model (preflights, browsers' forms), or None: not these either. The call is the anonymous's,
                    its http in path style; await key_holder(access_key_id, session_token) -> (Principal, secret)
    decorate        fn(cloud, request, response) that may add headers to what answers a request with an Origin
    refuses         operation -> what of it is answered 501, in that answer's words, for `pileus coverage`; tests/tidy
                    holds it against the code. A table of members may stand in several operations' rows whole: what an
                    operation's input doesn't have is left out
    lacks           operation -> what else of it is less than AWS's, that no 501 tells
    credentials     fn(tx, access_key_id) -> (secret, Principal) or None: only the service that keeps access keys
    key_used        fn(cloud, access_key_id, service, region) after each request whose signature with a long-term key
                    holds; must cost next to nothing: only the service that keeps access keys
    policies        fn(tx, principal) -> authz Policies without the resource's: only the service that keeps policies
    strangers       fn(tx, names) -> those of the principals that are not there: only the service that keeps policies
    takes_signature_v2  besides Signature Version 4, which all take
    event_source    dotted module with EVENT_SOURCE, where functions and pipes can be fed from this service's queues or
                    streams: see delivery/sources.py
    console         dotted module with CONSOLE, its pages in the web console: see kernel/pages.py
    """

    name: str
    operations: ModuleType | tuple[ModuleType, ...]
    authorize: ModuleType
    resources: str | None = None
    timers: Mapping[str, Callable] = field(default_factory=dict)
    events: Mapping[str, Callable] = field(default_factory=dict)
    start: Callable | None = None
    stop: Callable | None = None
    routes: Mapping[str, Callable] = field(default_factory=dict)
    violation: Callable | None = None
    check_body: Callable | None = None
    beyond_model: Callable | None = None
    decorate: Callable | None = None
    refuses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credentials: Callable | None = None
    key_used: Callable | None = None
    policies: Callable | None = None
    strangers: Callable | None = None
    takes_signature_v2: bool = False
    event_source: str | None = None
    console: str | None = None

    def operation(self, name: str) -> Operation | None:
        """The function of the model's operation `name`, or None while nobody wrote it."""
        return self._functions.get(snake_case(name))

    @property
    def iam_prefix(self) -> str:
        return getattr(self.authorize, "IAM_PREFIX", self.name)

    def resource_types(self) -> list:
        """Its CloudFormation types; the module is imported now, as most processes never deploy a stack."""
        return [] if self.resources is None else importlib.import_module(self.resources).RESOURCE_TYPES

    def source(self) -> Any:
        """Its EVENT_SOURCE (delivery/sources.py), or None where nothing can be fed from it."""
        return None if self.event_source is None else importlib.import_module(self.event_source).EVENT_SOURCE

    def __post_init__(self) -> None:
        modules = self.operations if isinstance(self.operations, tuple) else (self.operations,)
        functions = {
            name: fn
            for module in modules
            for name, fn in vars(module).items()
            if inspect.iscoroutinefunction(fn) and not name.startswith("_") and fn.__module__ == module.__name__
        }
        object.__setattr__(self, "_functions", functions)


class Registry:
    """The services that are there, by name; each is imported when somebody first needs it.

    Importing all of them takes longer than anything else at the start, and most processes use a handful.
    """

    def __init__(self, services: Iterable[Service] = (), modules: Mapping[str, str] | None = None) -> None:
        self._loaded = {service.name: service for service in services}
        self._modules = dict(modules or {})
        self.names = sorted({*self._loaded, *self._modules})

    @classmethod
    def discover(cls, package: str) -> "Registry":
        """Every folder of `package`: its name is the service's, with "_" for "-" (and one at the end of a keyword).

        So are the folders of a service's `also/`.
        """
        root = importlib.import_module(package)
        found = {}
        for path in map(Path, root.__path__):
            for name in _packages(path):
                found[name] = f"{package}.{name}"
                # A second model over the same state (DynamoDB Streams) lives in its owner's folder, below `also`.
                found.update({other: f"{package}.{name}.also.{other}" for other in _packages(path / name / "also")})
        return cls(modules={name.rstrip("_").replace("_", "-"): module for name, module in found.items()})

    def get(self, name: str) -> Service | None:
        service = self._loaded.get(name)
        if service is None and name in self._modules:
            service = self._loaded[name] = importlib.import_module(self._modules[name]).SERVICE
            assert service.name == name, f"the folder of {service.name} is named {name}"
        return service

    @property
    def services(self) -> dict[str, Service]:
        """All of them, imported now."""
        return {name: self.get(name) for name in self.names}

    def timer(self, kind: str) -> Callable:
        """The transition of a kind of timer. Kinds begin with their service's name: "sqs.retention"."""
        return self._owner(kind).timers[kind]

    def event(self, kind: str) -> Callable:
        """The handler of a kind of event."""
        return self._owner(kind).events[kind]

    def _owner(self, kind: str) -> Service:
        service = self.get(kind.partition(".")[0])
        if service is None:
            raise LookupError(f"no service handles {kind}")
        return service


def _packages(folder: Path) -> list[str]:
    return [module.name for module in pkgutil.iter_modules([str(folder)]) if module.ispkg]


@lru_cache(maxsize=16_384)
def snake_case(name: str) -> str:
    """ListObjectsV2 -> list_objects_v2, as the operations' functions are named."""
    return _WORD.sub("_", name).lower()

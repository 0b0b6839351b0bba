"""The condition keys of a request. Nothing is computed before a condition or a variable asks for it.

Source: IAM user guide, "AWS global condition context keys". Key names ignore case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.kernel.clock import iso8601
from pileus.kernel.principal import Principal

_NO_TAGS: Mapping[str, str] = {}


@dataclass(slots=True)
class RequestFacts:
    """What the gateway knows of a request. `resource_tags` may be a function: it is called only if a policy asks.

    resource_account   owner of the resource; request_tags  the tags a call wants to set
    called_via         the services through which a principal's call came, first to last
    """

    now_ms: int
    source_ip: str = ""
    is_secure: bool = True
    region: str = ""
    user_agent: str = ""
    referer: str = ""
    resource_account: str = ""
    resource_tags: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    request_tags: Mapping[str, str] = field(default_factory=dict)
    tag_keys: tuple[str, ...] = ()
    source_arn: str = ""
    source_account: str = ""
    called_via: tuple[str, ...] = ()
    organization_id: str = ""


def strings(value: Any) -> list[str] | None:
    """A condition key's value as the operators compare it: texts."""
    if value is None:
        return None
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text for item in value for text in strings(item) or ()]
    return [str(value)]


class PlainContext:
    """Keys given as a mapping, for calls whose facts are all known. A value may be a function without arguments."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self._keys = {key.lower(): value for key, value in keys.items()}

    def values(self, key: str) -> list[str] | None:
        value = self._keys.get(key)
        return strings(value() if callable(value) else value)


class RequestContext:
    """The global keys of a principal and a request, and the service's own keys beside them."""

    __slots__ = ("_service_keys", "facts", "principal", "service_keys")

    def __init__(
        self, principal: Principal, facts: RequestFacts, service_keys: Mapping[str, Any] | None = None
    ) -> None:
        self.principal, self.facts = principal, facts
        self.service_keys = service_keys
        self._service_keys: PlainContext | None = None

    def values(self, key: str) -> list[str] | None:
        if self.service_keys:
            if self._service_keys is None:
                self._service_keys = PlainContext(self.service_keys)
            # First, so that a service may know better than we do (an S3 object's tags, say).
            own = self._service_keys.values(key)
            if own is not None:
                return own
        resolve = _GLOBAL.get(key)
        if resolve is not None:
            return strings(resolve(self.principal, self.facts))
        prefix, slash, tag = key.partition("/")
        if slash and prefix in _TAGS:
            return strings(_tag(_TAGS[prefix](self.principal, self.facts), tag))
        return None


def _tag(tags: Mapping[str, str], wanted: str) -> str | None:
    """The value of the tag; names in a condition key ignore case."""
    for name, value in tags.items():
        if name.lower() == wanted:
            return value
    return None


def _resource_tags(_: Principal, facts: RequestFacts) -> Mapping[str, str]:
    return facts.resource_tags() if callable(facts.resource_tags) else facts.resource_tags


_TAGS: dict[str, Callable[[Principal, RequestFacts], Mapping[str, str]]] = {
    "aws:principaltag": lambda principal, facts: principal.tags,
    "aws:resourcetag": _resource_tags,
    "aws:requesttag": lambda principal, facts: facts.request_tags,
}

_PRINCIPAL_TYPES = {
    "root": "Account",
    "user": "User",
    "assumed-role": "AssumedRole",
    "federated-user": "FederatedUser",
    "federated": "FederatedUser",
    "anonymous": "Anonymous",
}


def _user_id(principal: Principal, facts: RequestFacts) -> str | None:
    return "anonymous" if principal.kind == "anonymous" else principal.unique_id or None


def _principal_arn(principal: Principal, facts: RequestFacts) -> str | None:
    return principal.entity_arn if principal.account else None


def _source_ip(principal: Principal, facts: RequestFacts) -> str | None:
    # A service calls from inside AWS, without an address that the key could show.
    return None if principal.service or facts.called_via else facts.source_ip or None


def _mfa(principal: Principal, facts: RequestFacts) -> bool | None:
    return principal.mfa if principal.issued_ms is not None else None


def _token_issue_time(principal: Principal, facts: RequestFacts) -> str | None:
    return None if principal.issued_ms is None else iso8601(principal.issued_ms)


_GLOBAL: dict[str, Callable[[Principal, RequestFacts], Any]] = {
    "aws:calledvia": lambda principal, facts: facts.called_via or None,
    "aws:calledviafirst": lambda principal, facts: facts.called_via[0] if facts.called_via else None,
    "aws:calledvialast": lambda principal, facts: facts.called_via[-1] if facts.called_via else None,
    "aws:currenttime": lambda principal, facts: iso8601(facts.now_ms),
    "aws:epochtime": lambda principal, facts: facts.now_ms // 1000,
    "aws:multifactorauthpresent": _mfa,
    "aws:principalaccount": lambda principal, facts: principal.account or None,
    "aws:principalarn": _principal_arn,
    "aws:principalisawsservice": lambda principal, facts: principal.kind == "service",
    "aws:principalorgid": lambda principal, facts: facts.organization_id or None,
    "aws:principalservicename": lambda principal, facts: principal.service or None,
    "aws:principalservicenameslist": lambda principal, facts: [principal.service] if principal.service else None,
    "aws:principaltype": lambda principal, facts: _PRINCIPAL_TYPES.get(principal.kind),
    "aws:referer": lambda principal, facts: facts.referer or None,
    "aws:requestedregion": lambda principal, facts: facts.region or None,
    "aws:resourceaccount": lambda principal, facts: facts.resource_account or None,
    "aws:securetransport": lambda principal, facts: facts.is_secure,
    "aws:sourceaccount": lambda principal, facts: facts.source_account or principal.source_account or None,
    "aws:sourcearn": lambda principal, facts: facts.source_arn or principal.source_arn or None,
    "aws:sourceidentity": lambda principal, facts: principal.source_identity or None,
    "aws:sourceip": _source_ip,
    "aws:tagkeys": lambda principal, facts: list(facts.tag_keys or facts.request_tags) or None,
    "aws:tokenissuetime": _token_issue_time,
    "aws:useragent": lambda principal, facts: facts.user_agent or None,
    "aws:userid": _user_id,
    "aws:username": lambda principal, facts: principal.name if principal.kind == "user" else None,
    "aws:viaawsservice": lambda principal, facts: bool(facts.called_via),
}

"""Which service, operation and protocol a request means.

Asked in this order, as each says more surely than the next: the X-Amz-Target header, an rpc-v2-cbor path, the name in
the credential scope of the signature, the host, the version of a query request; what is left is S3's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import parse_qsl, unquote

import msgspec

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.http import HttpRequest

from . import metadata, models
from .overlays import Overlay, overlay_of
from .refusals import MissingAction, UnknownOperation, UnknownService

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/(?:[^/,\s]+/)?([^/,\s]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)/?")
_FORM = "application/x-www-form-urlencoded"
_NAME_LIMIT = 100


class Identified(msgspec.Struct, frozen=True):
    """labels: of the path, for REST. path: with the resource that the host names in front (S3's buckets)."""

    service: str
    operation: str
    protocol: str
    labels: dict[str, str] | None = None
    path: str = "/"


@dataclass
class ServiceIndex:
    """The registered services by what requests name them by. Of the others it knows just that they exist."""

    registered: dict[str, metadata.Service]
    overlays: dict[str, Overlay] = field(default_factory=dict)
    _by_target: dict[str, list[str]] = field(default_factory=dict)
    _by_signing_name: dict[str, list[str]] = field(default_factory=dict)
    _by_host: dict[str, list[str]] = field(default_factory=dict)
    _by_version: dict[str, list[str]] = field(default_factory=dict)
    fallback: str | None = None
    preflights: str | None = None

    @classmethod
    def build(cls, model_names: Iterable[str]) -> ServiceIndex:
        """Raises KeyError for a name that botocore does not have."""
        known = metadata.services()
        index = cls({name: known[name] for name in model_names})
        index.overlays = {name: overlay_of(name) for name in index.registered}
        index.fallback = next((name for name, overlay in index.overlays.items() if overlay.takes_unsigned), None)
        index.preflights = next((name for name, overlay in index.overlays.items() if overlay.takes_preflights), None)
        # The registered first; and last who takes what nobody else wants, for its paths match everything.
        order = sorted(known, key=lambda name: (name not in index.registered, name == index.fallback, name))
        for name in order:
            said = known[name]
            for table, key in (
                (index._by_target, said.target_prefix),
                (index._by_signing_name, said.signing_name),
                (index._by_host, said.endpoint_prefix),
            ):
                if key:
                    table.setdefault(key, []).append(name)
            if name in index.registered and index.query_protocol(name):
                index._by_version.setdefault(said.api_version, []).append(name)
        return index

    @cached_property
    def paths(self) -> list[tuple[str, Callable[[str, str], str]]]:
        """The services whose resources may stand in the host, and what makes a path of host and path."""
        return [(name, overlay.path_of) for name, overlay in self.overlays.items() if overlay.path_of is not None]

    def query_protocol(self, name: str) -> str | None:
        """`query` or `ec2`, where the service speaks one of them."""
        overlay = self.overlays.get(name)
        spoken = (*metadata.services()[name].protocols, *(overlay.older_protocols if overlay else ()))
        return next((protocol for protocol in spoken if protocol in ("query", "ec2")), None)

    def by_target(self, prefix: str) -> list[str]:
        return self._by_target.get(prefix, [])

    def by_signing_name(self, name: str) -> list[str]:
        return self._by_signing_name.get(name, [])

    def by_version(self, version: str) -> list[str]:
        return self._by_version.get(version, [])

    def by_host(self, host: str) -> list[str]:
        """`sqs.us-east-1.localhost`, `api.ecr.us-east-1.amazonaws.com`, `123456789012.lambda.localhost`…"""
        labels = host.partition(":")[0].split(".")
        for at in range(min(len(labels) - 1, 3)):
            found = self._by_host.get(".".join(labels[at : at + 2])) or self._by_host.get(labels[at])
            if found:
                return found
        return []


def needs_form(request: HttpRequest) -> bool:
    """Whether `identify` wants the body: the query protocols name the operation in a form."""
    return request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM)


def identify(request: HttpRequest, index: ServiceIndex, form: bytes = b"") -> Identified:
    """Raises UnknownService, UnknownOperation, MissingAction or NotImplementedByUs, each with `service` (or None) and
    `protocol` as attributes, which say how the error is to be written.

    form  the body, where `needs_form` says so
    """
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _by_target(request, index, target)
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        found = _CBOR_PATH.search(request.path)
        if found is None:
            raise _refused(UnknownOperation("The path names no operation."), None, "smithy-rpc-v2-cbor")
        return _named(request, index, index.by_target(found[1]), found[1], found[2], "smithy-rpc-v2-cbor")
    asked = _query_parameters(request, form)
    action = asked.get("Action")
    candidates = _candidates(request, index, asked)
    if action is not None and (form or request.method == "GET" or candidates):
        named = _by_action(index, candidates, action, asked.get("Version", ""))
        if named is not None:
            return named
    return _by_path(request, index, candidates, has_form=bool(form))


def signing_name(request: HttpRequest) -> str | None:
    """The service in the credential scope of the signature."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        # Clients send the same algorithm and credential all day: what differs comes behind the first comma.
        name = _service_in(authorization.partition(",")[0])
        if name is not None:
            return name
    found = _SCOPE.search(authorization)
    if found is None and "X-Amz-Credential=" in request.query:
        found = _SCOPE.search(unquote(request.query).replace("X-Amz-Credential=", "Credential="))
    return found[1] if found else None


@lru_cache(maxsize=1024)
def _service_in(scope: str) -> str | None:
    found = _SCOPE.search(scope)
    return found[1] if found else None


def _refused(error: AwsError, service: str | None, protocol: str) -> AwsError:
    error.service = service
    error.protocol = protocol
    return error


def _query_parameters(request: HttpRequest, form: bytes) -> dict[str, str]:
    if b"Action=" not in form and "Action=" not in request.query:
        return {}
    text = form.decode("utf-8", "replace")
    return dict(parse_qsl(request.query, keep_blank_values=True) + parse_qsl(text, keep_blank_values=True))


def _by_target(request: HttpRequest, index: ServiceIndex, target: str) -> Identified:
    prefix, _, operation = target.rpartition(".")
    candidates = index.by_target(prefix)
    if len(candidates) > 1:
        signed = signing_name(request)
        candidates = sorted(candidates, key=lambda name: metadata.services()[name].signing_name != signed)
    return _named(request, index, candidates, prefix, operation, "json")


def _named(
    request: HttpRequest, index: ServiceIndex, candidates: list[str], prefix: str, operation: str, protocol: str
) -> Identified:
    if not candidates:
        text = f"No service is known as {prefix[:_NAME_LIMIT]!r}."
        raise _refused(UnknownOperation(text) if prefix else UnknownOperation(), None, protocol)
    service = candidates[0]
    if service not in index.registered:
        raise _refused(_not_built(service), None, protocol)
    return Identified(service, operation, protocol, path=request.path)


def _not_built(service: str) -> NotImplementedByUs:
    return NotImplementedByUs(f"the service {metadata.services()[service].service_id} ({service})")


def _candidates(request: HttpRequest, index: ServiceIndex, asked: dict[str, str]) -> list[str]:
    """Services that the request may mean, the likeliest first."""
    signed = signing_name(request)
    if signed is not None:
        found = index.by_signing_name(signed)
        if not found:
            raise _refused(UnknownService(f"No service signs as {signed[:_NAME_LIMIT]!r}."), None, "json")
        return found
    return index.by_version(asked.get("Version", "")) or index.by_host(request.host)


def _by_action(index: ServiceIndex, candidates: list[str], action: str, version: str) -> Identified | None:
    speakers = [name for name in candidates if index.query_protocol(name)]
    if not speakers:
        return None
    if speakers[0] not in index.registered:
        raise _refused(_not_built(speakers[0]), None, index.query_protocol(speakers[0]))
    ours = [name for name in speakers if name in index.registered]
    if len(ours) > 1:
        ours = [name for name in ours if action in models.load(name).operation_models] or ours
        ours.sort(key=lambda name: metadata.services()[name].api_version != version)
    return Identified(ours[0], action, index.query_protocol(ours[0]))


def _is_preflight_of_target(request: HttpRequest) -> bool:
    """A browser asks whether a page may send what has an X-Amz-Target; nothing else tells it from a preflight for S3."""
    wanted = request.headers.get("access-control-request-headers", "")
    return request.method == "OPTIONS" and request.path == "/" and "x-amz-target" in wanted.lower()


def _by_path(request: HttpRequest, index: ServiceIndex, candidates: list[str], *, has_form: bool) -> Identified:
    host = request.host.partition(":")[0]
    path = request.path
    for name, path_of in index.paths:
        path = path_of(host, request.path)
        if path != request.path and not candidates:
            candidates = [name]
    if not candidates and _is_preflight_of_target(request) and index.preflights is not None:
        candidates = [index.preflights]
    if not candidates:
        if index.fallback is None:
            raise _refused(UnknownService("The request names no service."), None, "json")
        candidates = [index.fallback]
    ours = [name for name in candidates if name in index.registered]
    if not ours:
        raise _refused(_not_built(candidates[0]), None, metadata.services()[candidates[0]].protocols[0])
    for name in ours:
        protocol = metadata.services()[name].protocols[0]
        if not protocol.startswith("rest-"):
            continue
        asked_path = path if index.overlays[name].path_of is not None else request.path
        found = models.load(name).routes.match(request.method, asked_path, request.query, request.headers)
        if found is not None:
            return Identified(name, found.operation, protocol, found.labels, asked_path)
    protocol = metadata.services()[ours[0]].protocols[0]
    if has_form and index.query_protocol(ours[0]):
        raise _refused(MissingAction(), ours[0], index.query_protocol(ours[0]))
    if protocol in ("query", "ec2"):
        raise _refused(MissingAction(), ours[0], protocol)
    raise _refused(UnknownOperation("The request names no operation of this service."), ours[0], protocol)

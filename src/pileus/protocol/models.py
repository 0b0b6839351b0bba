"""The API of a service: its operations, compiled when they are first used.

`load(name)` decodes the model (a few milliseconds) at a service's first request, so that starting costs nothing.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from copy import copy

import msgspec

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest, HttpResponse

from . import codings
from . import shapes as shapes_
from .overlays import Overlay, overlay_of
from .refusals import RequestEntityTooLarge, SerializationException, UnknownOperation
from .routes import Routes
from .shapes import OperationModel, Ref, ServiceModel, Shape
from .validate import Violation, checker, default_wording

CODECS = {
    "json": "json",
    "smithy-rpc-v2-cbor": "cbor",
    "query": "query",
    "ec2": "query",
    "rest-json": "rest_json",
    "rest-xml": "rest_xml",
}

Wording = Callable[[list[Violation]], AwsError | None]


def codec(protocol: str):
    """The module that speaks a protocol, imported when the first service needs it."""
    return importlib.import_module("." + CODECS[protocol], __package__)


@functools.cache
def load(model_name: str) -> Api:
    """The API of botocore's service of this name. Raises LookupError where botocore has none."""
    return Api(model_name, shapes_.read(model_name), overlay_of(model_name))


class Api:
    """A service as its model describes it.

    protocols   accepted ones, the primary first
    """

    def __init__(self, name: str, model: ServiceModel, overlay: Overlay | None = None) -> None:
        self.name = name
        self.metadata = model.metadata
        self.overlay = overlay or Overlay()
        primary = model.metadata["protocol"]
        named = [primary, *model.metadata.get("protocols", ()), *self.overlay.older_protocols]
        self.protocols: tuple[str, ...] = tuple(p for p in dict.fromkeys(named) if p in CODECS)
        self.is_query_compatible = "awsQueryCompatible" in model.metadata
        self.namespace: str | None = self.overlay.namespace or model.metadata.get("xmlNamespace") or _namespace(model)
        self.version: str = model.metadata.get("apiVersion", "")
        self.operation_models = model.operations
        # A document is what neither readers nor checks look into.
        opaque = {name: Shape("structure", document=True) for name in self.overlay.opaque}
        self._shapes = {**model.shapes, **opaque}
        self._operations: dict[str, Operation] = {}

    def __repr__(self) -> str:
        return f"Api({self.name!r})"

    def operation(self, name: str) -> Operation:
        """Raises UnknownOperation."""
        op = self._operations.get(name)
        if op is None:
            model = self.operation_models.get(name)
            if model is None:
                raise UnknownOperation(f"{self.name} has no operation {name[:100]}.", name[:100])
            op = self._operations[name] = Operation(self, model)
        return op

    @property
    def operation_names(self) -> list[str]:
        return list(self.operation_models)

    @functools.cached_property
    def routes(self) -> Routes:
        """Of the REST protocols: (method, path, query) -> operation and labels."""
        return Routes(self.operation_models, self._shapes)

    def shapes(self, protocol: str) -> dict[str, Shape]:
        """The model's shapes, with the names that an overlay gives them in an older protocol."""
        return self._older_shapes if protocol in self.overlay.older_protocols else self._shapes

    @functools.cached_property
    def _older_shapes(self) -> dict[str, Shape]:
        renamed = dict(self._shapes)
        for place, wire in self.overlay.names.items():
            owner, _, slot = place.partition(".")
            if renamed[owner] is self._shapes[owner]:
                renamed[owner] = copy(self._shapes[owner])
                renamed[owner].members = dict(self._shapes[owner].members)
            shape = renamed[owner]
            if shape.type == "structure":
                shape.members[slot] = _named(shape.members[slot], wire)
            else:
                field = "member" if slot == "[]" else slot
                setattr(shape, field, _named(getattr(shape, field), wire))
        return renamed

    @functools.cached_property
    def error_shapes(self) -> dict[str, tuple[str, Shape]]:
        """Error shapes by their own name and by the code of the query protocol."""
        found: dict[str, tuple[str, Shape]] = {}
        for name, shape in self._shapes.items():
            if shape.exception or shape.error:
                found[name] = (name, shape)
        for name, shape in list(found.values()):
            found.setdefault(self.query_code(name)[0], (name, shape))
        return found

    def query_code(self, shape_name: str) -> tuple[str, int | None]:
        """An error shape's code and status in the query protocol."""
        if shape_name in self.overlay.query_codes:
            return self.overlay.query_codes[shape_name]
        shape = self._shapes.get(shape_name)
        error = shape.error if shape is not None else {}
        return error.get("code") or shape_name, error.get("httpStatusCode")


def _named(ref: Ref, wire: str) -> Ref:
    return msgspec.structs.replace(ref, locationName=wire)


def _namespace(model: ServiceModel) -> str | None:
    """rest-xml models give the namespace with their inputs (Route 53), not in the metadata."""
    for operation in model.operations.values():
        if operation.input is not None and isinstance(operation.input.xmlNamespace, dict):
            return operation.input.xmlNamespace.get("uri")
    return None


class Operation:
    """One operation of an API. Its reader, checker and writers are compiled when first called."""

    __slots__ = (
        "_check",
        "_readers",
        "_writers",
        "api",
        "has_streaming_input",
        "has_streaming_output",
        "http_method",
        "input",
        "model",
        "name",
        "output",
        "request_uri",
        "status",
    )

    def __init__(self, api: Api, model: OperationModel) -> None:
        self.api = api
        self.name = model.name
        self.model = model
        self.input = model.input
        self.output = model.output
        self.http_method: str = model.http.get("method", "POST")
        self.request_uri: str = model.http.get("requestUri", "/")
        self.status: int = api.overlay.statuses.get(model.name) or model.http.get("responseCode", 200)
        self._readers: dict[str, Callable] = {}
        self._writers: dict[str, Callable] = {}
        self._check: Callable[[dict], list[Violation] | None] | None = None
        self.has_streaming_input = self._streams(self.input)
        self.has_streaming_output = self._streams(self.output)

    def __repr__(self) -> str:
        return f"Operation({self.api.name}.{self.name})"

    def shapes(self, protocol: str) -> dict[str, Shape]:
        return self.api.shapes(protocol)

    @property
    def event_output(self) -> str | None:
        """The member of the output that is a stream of events."""
        return self._event_member(self.output)

    @property
    def event_input(self) -> str | None:
        return self._event_member(self.input)

    def parse(
        self, request: HttpRequest, body: bytes = b"", protocol: str | None = None, labels: dict[str, str] | None = None
    ) -> dict:
        """What the request asks, spelled as the model spells it. Raises SerializationException and its like.

        body    all of it, or empty where `has_streaming_input`
        labels  what `api.routes` found in the path; looked up again when not given
        """
        protocol = protocol or self.api.protocols[0]
        read = self._readers.get(protocol)
        if read is None:
            read = self._readers[protocol] = codec(protocol).reader(self, protocol)
        overlay = self.api.overlay
        if len(body) > overlay.body_limit_bytes > 0:
            raise RequestEntityTooLarge()
        coding = request.headers.get("content-encoding")
        if coding is not None and not self.has_streaming_input:
            if overlay.codings:
                body = codings.decoded(body, coding, overlay.codings, overlay.body_limit_bytes)
            elif body and coding == "gzip":
                body = codings.inflated(body)
        try:
            return read(request, body, labels)
        except RecursionError:
            raise SerializationException("The request is nested too deeply.") from None

    def violations(self, params: dict) -> list[Violation]:
        """What in params breaks the model's constraints. Raises SerializationException for values of a wrong type."""
        if self._check is None:
            self._check = checker(self.api.shapes(self.api.protocols[0]), self.input)
        try:
            return self._check(params) or []
        except RecursionError:
            raise SerializationException("The request is nested too deeply.") from None

    def validate(self, params: dict, wording: Wording | None = None, protocol: str | None = None) -> None:
        """Raise AWS's error if params break a constraint.

        wording  a service's own way to say it; None from it means that the service accepts what the model does not
        """
        found = self.violations(params)
        if found:
            error = wording(found) if wording else default_wording(protocol or self.api.protocols[0], found)
            if error is not None:
                raise error

    def serialize(self, result: dict | None, request_id: str, protocol: str | None = None) -> HttpResponse:
        protocol = protocol or self.api.protocols[0]
        write = self._writers.get(protocol)
        if write is None:
            write = self._writers[protocol] = codec(protocol).writer(self, protocol)
        return write(result or {}, request_id)

    def _streams(self, ref: Ref | None) -> bool:
        payload = self._payload(ref)
        return (payload is not None and (payload.streaming or self._shape(payload).streaming)) or (
            self._event_member(ref) is not None
        )

    def _payload(self, ref: Ref | None) -> Ref | None:
        shape = None if ref is None else self._shape(ref)
        return None if shape is None or shape.payload is None else shape.members[shape.payload]

    def _event_member(self, ref: Ref | None) -> str | None:
        if ref is None:
            return None
        members = self._shape(ref).members
        return next((name for name, inner in members.items() if self._shape(inner).eventstream), None)

    def _shape(self, ref: Ref) -> Shape:
        return self.api.shapes(self.api.protocols[0])[ref.shape]

"""What happens to a request, read top to bottom in `PIPELINE`.

Each stage takes the exchange and fills in what the next ones need; one that refuses raises an AwsError, which leaves
here as bytes in the protocol of whoever asked. A call that begins inside the cloud goes through the later half:
validated, authorized and throttled like anyone's.
"""

import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from pileus.authn.refusals import refusal
from pileus.gateway.authenticate import BODY_LIMIT_BYTES, Authenticator, dialect_of
from pileus.gateway.authorize import Authorizer
from pileus.gateway.exchange import Exchange
from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AccessDenied, AwsError, InternalFailure, NotImplementedByUs
from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge, HttpRequest, HttpResponse
from pileus.kernel.service import Operation, Registry, Service
from pileus.protocol import codings, models
from pileus.protocol import errors as protocol_errors
from pileus.protocol.identify import Identified, ServiceIndex, needs_form
from pileus.protocol.identify import identify as which
from pileus.protocol.refusals import RequestEntityTooLarge, UnknownOperation
from pileus.store.watch import WatcherGone

log = logging.getLogger("pileus.gateway")


class IncompleteBody(AwsError):
    """Source: S3 API reference, "List of error codes"."""

    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class Gateway:
    """Turns requests into responses. `identity`: the service that keeps access keys and policies."""

    __slots__ = (
        "authenticator",
        "authorizer",
        "cloud",
        "found",
        "index",
    )

    def __init__(self, cloud: Cloud, registry: Registry, *, identity: str) -> None:
        self.cloud = cloud
        self.index = ServiceIndex.build(registry.names)
        self.authenticator = Authenticator(cloud, identity)
        self.authorizer = Authorizer(cloud, identity)
        self.found: dict[tuple[str, str], tuple[Service, models.Operation, Operation]] = {}
        """What `find` has found, by the names of service and operation."""

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one HTTP request. Never raises but for a cancellation."""
        exchange = Exchange(request, self.cloud.ids.uuid())
        try:
            for stage in PIPELINE:
                waits = stage(self, exchange)
                if waits is not None:
                    await waits
                if exchange.response is not None:
                    break
            response = exchange.response
        except AwsError as error:
            response = self._refused(exchange, error)
        except WatcherGone:
            response = HttpResponse(499)  # nobody reads it
        except BodyTooLarge:
            response = self._refused(exchange, RequestEntityTooLarge())
        except BodyCutShort:
            response = self._refused(exchange, IncompleteBody())
        except Exception:
            # The gateway's edge: a mistake of ours is one request's failure, logged with the id that the caller sees.
            log.exception("request %s failed", exchange.request_id)
            response = self._refused(exchange, InternalFailure())
        if "origin" in request.headers and exchange.service is not None and exchange.service.decorate is not None:
            exchange.service.decorate(self.cloud, exchange.routed, response)
        return response

    async def invoke(self, call: Call, request: dict) -> dict:
        """A call that begins inside the cloud."""
        exchange = Exchange(call.http, call.request_id, call=call, input=request)
        name = call.service, call.operation
        exchange.service, exchange.model, exchange.operation = self.found.get(name) or await self.find(exchange, *name)
        for stage in INSIDE:
            waits = stage(self, exchange)
            if waits is not None:
                await waits
        return exchange.result

    async def find(
        self, exchange: Exchange, service_name: str, operation_name: str
    ) -> tuple[Service, models.Operation, Operation]:
        """The service, started, and its operation: as the model has it, and the function. Raises UnknownOperation.

        exchange  is told as much as was found: it takes that to word the errors
        """
        service = exchange.service = await self.cloud.service(service_name)
        if service is None:
            raise NotImplementedByUs(f"the service {service_name}")
        model = exchange.model = models.load(service_name).operation(operation_name)
        function = service.operation(operation_name)
        if function is None:
            raise NotImplementedByUs(f"{service_name}:{operation_name}")
        found = self.found[service_name, operation_name] = service, model, function
        return found

    async def authorize(self, call: Call, request: dict) -> None:
        """Raise AccessDenied where `invoke` would, and do nothing else."""
        service = await self.cloud.service(call.service)
        if service is None:
            raise NotImplementedByUs(f"the service {call.service}")
        waits = self.authorizer.check(service, call, request)
        if waits is not None:
            await waits

    async def answer_beyond_model(self, exchange: Exchange, error: UnknownOperation) -> HttpResponse:
        """What the service answers where its model has no operation for the request. Raises `error` if nothing."""
        service = None if error.service is None else await self.cloud.service(error.service)
        if service is None or service.beyond_model is None:
            raise error
        request = exchange.request
        path_of = self.index.overlays[service.name].path_of
        path = request.path if path_of is None else path_of(request.host.partition(":")[0], request.path)
        exchange.routed = replace(request, path=path)
        exchange.service = service
        exchange.target = Identified(service.name, "", error.protocol, path=path)
        response = await service.beyond_model(*self.authenticator.anonymous(exchange))
        if response is None:
            raise error
        return response

    def _refused(self, exchange: Exchange, error: AwsError) -> HttpResponse:
        target = exchange.target
        # Where nobody knows yet whom the request means, the error itself says what identifying it had found.
        service = target.service if target is not None else getattr(error, "service", None)
        protocol = target.protocol if target is not None else getattr(error, "protocol", None)
        return protocol_errors.serialize(
            models.load(service) if service is not None else None,
            exchange.model,
            error,
            exchange.request_id,
            protocol,
            method=exchange.request.method,
        )


def identify(gateway: Gateway, exchange: Exchange) -> Awaitable[None] | None:
    """Which service, operation and protocol."""
    request = exchange.request
    if needs_form(request):
        return _identify_form(gateway, exchange)
    return _identify(gateway, exchange, request, b"")


async def _identify_form(gateway: Gateway, exchange: Exchange) -> None:
    form = await exchange.request.body.read(BODY_LIMIT_BYTES)
    waits = _identify(gateway, exchange, exchange.request.with_body(Body(form)), form)
    if waits is not None:
        await waits


def _identify(gateway: Gateway, exchange: Exchange, request: HttpRequest, form: bytes) -> Awaitable[None] | None:
    try:
        exchange.target = target = which(request, gateway.index, form)
    except UnknownOperation as error:
        return _answer_beyond_model(gateway, exchange, error)
    # The host may carry part of the path (a bucket). The signature is checked on the request as it came.
    exchange.routed = request if target.path in (request.path, "/") else replace(request, path=target.path)
    found = gateway.found.get((target.service, target.operation))
    if found is None:
        return _find(gateway, exchange)
    exchange.service, exchange.model, exchange.operation = found
    return None


async def _answer_beyond_model(gateway: Gateway, exchange: Exchange, error: UnknownOperation) -> None:
    exchange.response = await gateway.answer_beyond_model(exchange, error)


async def _find(gateway: Gateway, exchange: Exchange) -> None:
    target = exchange.target
    found = await gateway.find(exchange, target.service, target.operation)
    exchange.service, exchange.model, exchange.operation = found


def authenticate(gateway: Gateway, exchange: Exchange) -> Awaitable[None] | None:
    """Who calls: the signature is right, fresh and of a key that exists, and the body is the one that was signed."""
    return gateway.authenticator.authenticate(exchange)


def parse(gateway: Gateway, exchange: Exchange) -> None:
    """What the call asks, as a dict spelled as the model spells it."""
    target = exchange.target
    exchange.input = exchange.model.parse(exchange.routed, exchange.body, target.protocol, target.labels)


def validate(gateway: Gateway, exchange: Exchange) -> None:
    """Against the model's constraints, in the service's words."""
    protocol = None if exchange.target is None else exchange.target.protocol
    exchange.model.validate(exchange.input, exchange.service.violation, protocol)


def authorize(gateway: Gateway, exchange: Exchange) -> Awaitable[None] | None:
    """May this principal do this to these."""
    try:
        waits = gateway.authorizer.check(exchange.service, exchange.call, exchange.input)
    except AccessDenied as error:
        raise _denial(exchange, error) from None
    return None if waits is None else _authorized(exchange, waits)


async def _authorized(exchange: Exchange, waits: Awaitable[None]) -> None:
    try:
        await waits
    except AccessDenied as error:
        raise _denial(exchange, error) from None


def _denial(exchange: Exchange, error: AccessDenied) -> AwsError:
    """As the protocol words it."""
    if exchange.target is None:
        return error
    dialect = dialect_of(exchange.target.protocol)
    if exchange.call.principal.kind == "anonymous" and dialect != "s3":
        return refusal(dialect, "missing")
    if "json" in dialect and not exchange.model.api.is_query_compatible:
        # JSON 1.x answers every refusal of the caller with 400; REST JSON keeps 403.
        status = 400 if dialect == "json" else 403
        return AwsError(error.message, code="AccessDeniedException", status=status)
    return error  # with the query protocol's code, which SDKs still get: SQS says AccessDenied over JSON too


def throttle(gateway: Gateway, exchange: Exchange) -> None:
    """Account-level request quotas belong here; no service declares one yet."""


async def invoke(gateway: Gateway, exchange: Exchange) -> None:
    """Run the operation; what it saw and did is on disk when this returns."""
    try:
        exchange.result = await exchange.operation(exchange.call, exchange.input) or {}
    except AwsError:
        # A refusal tells what it saw, too ("already exists"): that must be on disk as well.
        await gateway.cloud.store.durable(gateway.cloud.store.applied)
        raise
    await gateway.cloud.store.durable(exchange.call.seen)


def serialize(gateway: Gateway, exchange: Exchange) -> None:
    exchange.response = exchange.model.serialize(exchange.result, exchange.request_id, exchange.target.protocol)
    overlay = exchange.model.api.overlay
    if overlay.codings:
        codings.encode(exchange.request, exchange.response, overlay.codings, overlay.coded_from_bytes)


Stage = Callable[[Gateway, Exchange], Awaitable[None] | None]
"""A plain function where there is nothing to wait for."""

PIPELINE: tuple[Stage, ...] = (identify, authenticate, parse, validate, authorize, throttle, invoke, serialize)
INSIDE: tuple[Stage, ...] = (validate, authorize, throttle, invoke)

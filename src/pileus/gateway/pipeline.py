"""What happens to a request, read top to bottom in `PIPELINE`.

Each stage takes the exchange and fills in what the next ones need; one that refuses raises an AwsError, which leaves
here as bytes in the protocol of whoever asked. A call that begins inside the cloud goes through the later half:
validated, authorized and throttled like anyone's.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pileus.gateway import endpoints
from pileus.gateway.authenticate import Authenticator
from pileus.gateway.authorize import Authorizer
from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AwsError, InternalFailure, NotImplementedByUs
from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge, HttpRequest, HttpResponse
from pileus.kernel.service import Registry, Service
from pileus.protocol import errors as protocol_errors
from pileus.protocol import models
from pileus.protocol.identify import Identified, ServiceIndex

log = logging.getLogger("pileus.gateway")

BODY_LIMIT_BYTES = 70 * 1024 * 1024
"""The largest body that is no stream: a function's zip of 50 MB in base64, and some room."""


class RequestEntityTooLarge(AwsError):
    status = 413
    text = "The request body is larger than any operation takes."


class IncompleteBody(AwsError):
    """Source: S3 API reference, "List of error codes"."""

    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"


@dataclass(slots=True)
class Exchange:
    """A request on its way; each stage fills in its part."""

    request: HttpRequest
    request_id: str
    target: Identified | None = None
    service: Service | None = None
    model: Any = None
    call: Call | None = None
    body: bytes = b""
    input: dict | None = None
    result: dict | None = None
    response: HttpResponse | None = None


class Gateway:
    """Turns requests into responses."""

    def __init__(self, cloud: Cloud, registry: Registry) -> None:
        self.cloud = cloud
        self.registry = registry
        self.index = ServiceIndex.build(list(registry.services))
        self.authenticator = Authenticator(cloud, registry)
        self.authorizer = Authorizer(registry, cloud.settings.iam)
        self.hosts = [service.host for service in registry.services.values() if service.host is not None]

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one HTTP request. Never raises but for a cancellation."""
        exchange = Exchange(request, self.cloud.ids.uuid())
        try:
            for stage in PIPELINE:
                await stage(self, exchange)
            return exchange.response
        except AwsError as error:
            return self._refused(exchange, error)
        except BodyTooLarge:
            return self._refused(exchange, RequestEntityTooLarge())
        except BodyCutShort:
            return self._refused(exchange, IncompleteBody())
        except Exception:
            # The gateway's edge: a mistake of ours is one request's failure, logged with the id that the caller sees.
            log.exception("request %s failed", exchange.request_id)
            return self._refused(exchange, InternalFailure())

    async def invoke(self, call: Call, request: dict) -> dict:
        """A call that begins inside the cloud."""
        service = self.registry.get(call.service)
        if service is None:
            raise NotImplementedByUs(f"the service {call.service}")
        exchange = Exchange(call.http, call.request_id, service=service, call=call, input=request)
        exchange.model = models.load(service.name).operation(call.operation)
        for stage in INSIDE:
            await stage(self, exchange)
        return exchange.result

    def _refused(self, exchange: Exchange, error: AwsError) -> HttpResponse:
        return protocol_errors.serialize(
            exchange.target, exchange.model, error, exchange.request_id, method=exchange.request.method
        )


async def identify(gateway: Gateway, exchange: Exchange) -> None:
    """Which service, operation and protocol."""
    exchange.target = target = gateway.index.identify(endpoints.path_style(gateway.hosts, exchange.request))
    exchange.service = gateway.registry.get(target.service)
    if exchange.service is None:
        raise NotImplementedByUs(f"the service {target.service}")
    exchange.model = models.load(target.service).operation(target.operation)


async def authenticate(gateway: Gateway, exchange: Exchange) -> None:
    """Who calls: the signature is right, fresh and of a key that exists, and the body is the one that was signed."""
    exchange.call, exchange.body = await gateway.authenticator.authenticate(exchange)


async def parse(gateway: Gateway, exchange: Exchange) -> None:
    target = exchange.target
    exchange.input = exchange.model.parse(target.request, exchange.body, target.protocol)


async def validate(gateway: Gateway, exchange: Exchange) -> None:
    violations = exchange.model.violations(exchange.input)
    if violations:
        word = exchange.service.violation or protocol_errors.validation_error
        raise word(exchange.model, violations)


async def authorize(gateway: Gateway, exchange: Exchange) -> None:
    await gateway.authorizer.check(exchange.service, exchange.call, exchange.input)


async def throttle(gateway: Gateway, exchange: Exchange) -> None:
    """Account-level request quotas belong here; no service declares one yet."""


async def invoke(gateway: Gateway, exchange: Exchange) -> None:
    """Run the operation; what it saw and did is on disk when this returns."""
    operation = exchange.service.operation(exchange.call.operation)
    if operation is None:
        raise NotImplementedByUs(f"{exchange.service.name}:{exchange.call.operation}")
    exchange.result = await operation(exchange.call, exchange.input) or {}
    await gateway.cloud.store.durable(exchange.call.seen)


async def serialize(gateway: Gateway, exchange: Exchange) -> None:
    exchange.response = exchange.model.serialize(exchange.result, exchange.request_id, exchange.target.protocol)


Stage = Callable[[Gateway, Exchange], Awaitable[None]]

PIPELINE: tuple[Stage, ...] = (identify, authenticate, parse, validate, authorize, throttle, invoke, serialize)
INSIDE: tuple[Stage, ...] = (validate, authorize, throttle, invoke)


async def whole_body(body: Body) -> bytes:
    return await body.read(BODY_LIMIT_BYTES)

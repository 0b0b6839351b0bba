"""What Pileus answers for itself, beside the AWS APIs: health, the clock, explanations. Only to this machine."""

from collections.abc import Awaitable, Callable

import orjson

from pileus import __version__
from pileus.authz.explain import explain
from pileus.gateway.clock_moves import Movable, move
from pileus.kernel.clock import iso8601
from pileus.kernel.http import HttpRequest, HttpResponse
from pileus.kernel.pages import ROOT

BODY_LIMIT_BYTES = 64 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Console = Callable[[HttpRequest], Awaitable[HttpResponse]]


class LocalApi:
    """The outermost handler: /_pileus/…, the services' own routes, then the AWS APIs.

    console  answers what lies at /_pileus/console; None: there is none
    """

    def __init__(self, pileus: Movable, console: Console | None = None) -> None:
        self._pileus = pileus
        self._console = console
        self._aws = pileus.gateway.handle
        self._pages: dict[str, Callable[[HttpRequest], Awaitable[dict]]] = {
            "/_pileus/health": self._health,
            "/_localstack/health": self._health,
            "/_pileus/status": self._status,
            "/_pileus/clock": self._clock,
        }

    def handle(self, request: HttpRequest) -> Awaitable[HttpResponse]:
        start = request.path[:2]
        if start == "/_":
            return self._local(request)
        if start == "/c" and self._console is not None and is_address_of_console(request):
            return self._console(request)
        return self._of_service(request) if start == "/-" else self._aws(request)

    async def _of_service(self, request: HttpRequest) -> HttpResponse:
        service = await self._pileus.service(request.path[2:].partition("/")[0])
        for prefix, handler in () if service is None else service.routes.items():
            if request.path.startswith(prefix):
                return await handler(self._pileus, request)
        return await self._aws(request)

    async def _local(self, request: HttpRequest) -> HttpResponse:
        if self._console is not None and request.path.startswith(ROOT):
            return await self._console(request)
        is_health = request.path.endswith("/health")
        if request.client_host not in _LOOPBACK or (not is_health and await self._pileus.is_function(request.peer)):
            return _json(403, {"message": "Only this machine may ask that, and no function on it."})
        if request.method != "GET" and not _is_no_web_page(request):
            return _json(403, {"message": "A web page may not ask that."})
        page = self._pages.get(request.path)
        try:
            if page is not None:
                return _json(200, await page(request))
            if request.path.startswith("/_pileus/explain/"):
                return _json(200, self._explain(request.path.rsplit("/", 1)[1]))
        except LookupError as error:
            return _json(404, {"message": str(error.args[0])})
        except ValueError as error:
            return _json(400, {"message": str(error)})
        return _json(404, {"message": f"There is nothing at {request.path}."})

    async def _health(self, request: HttpRequest) -> dict:
        services = {name: "running" for name in self._pileus.registry.names}
        return {"status": "running", "version": __version__, "services": services}

    async def _status(self, request: HttpRequest) -> dict:
        pileus = self._pileus
        settings = pileus.settings
        for name in pileus.registry.names:  # what they isolate is known once they run
            await pileus.service(name)
        return {
            **await self._health(request),
            "durability": settings.durability,
            "auth": settings.auth,
            "iam": settings.iam,
            "data_dir": None if settings.is_ephemeral else str(settings.data_dir),
            "isolation": pileus.isolation(),
            "tasks": pileus.tasks.names(),
        }

    async def _clock(self, request: HttpRequest) -> dict:
        """GET says where the clock stands; POST {"advance": "30d"} | {"freeze": true or time} | {"set": time} |
        {"resume": true} moves it and answers when what fell due has happened. Where time passed, `is_quiet` is false if
        something still runs, as in a loop of functions: see `Pileus.advance`."""
        clock = self._pileus.clock
        moved: dict = {}
        if request.method == "POST":
            is_quiet = await move(self._pileus, orjson.loads(await request.body.read(BODY_LIMIT_BYTES)))
            moved = {} if is_quiet is None else {"is_quiet": is_quiet}
        stands = {"now": iso8601(clock.now_ms()), "now_ms": clock.now_ms(), "is_frozen": clock.frozen_at_ms is not None}
        return stands | moved

    def _explain(self, request_id: str) -> dict:
        denial = self._pileus.gateway.authorizer.denials.get(request_id)
        if denial is None:
            raise LookupError(f"No denial of a request {request_id} is remembered.")
        return {
            "message": denial.decision.message(),
            "explanation": str(explain(denial.policies, denial.access)),
        }


def is_address_of_console(request: HttpRequest) -> bool:
    """`/console`, as one types it: unsigned and asked for by a browser. Else it is a bucket of that name."""
    return (
        request.path in ("/console", "/console/")
        and request.method == "GET"
        and not request.query
        and "authorization" not in request.headers
        and "text/html" in request.headers.get("accept", "")
    )


def _is_no_web_page(request: HttpRequest) -> bool:
    """False for what a browser could send on behalf of a page: with an Origin, or to a name that leads here."""
    host = request.host.rsplit(":", 1)[0].strip("[]")
    return "origin" not in request.headers and host in _LOOPBACK


def _json(status: int, content: dict) -> HttpResponse:
    return HttpResponse(status, [("content-type", "application/json")], orjson.dumps(content))

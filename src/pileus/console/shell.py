"""Which page an address means, who looks at it, and the frame around it."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from pileus import __version__
from pileus.console import cloud_pages
from pileus.console.visitors import COOKIE, SESSION_MS, Visitors, cookie, cookies, is_of_another_page
from pileus.gateway.clock_moves import Movable
from pileus.gateway.endpoints import region_of_host
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest, HttpResponse
from pileus.kernel.pages import ROOT, Page, Pages, Place, Redirect, Visit
from pileus.kernel.principal import Principal

FORM_LIMIT_BYTES = 8 * 1024 * 1024
"""Room for an invocation's 6 MB, the largest text that a form sends."""

FIELDS_LIMIT = 1000
NOTICE = "pileus-notice"
NOTICE_S = 30
NOTICE_LIMIT = 1000
STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
CLOUD = "cloud"
"""Stands where a service's name does in the addresses of what is the cloud's own: the clock, denials."""

HEADERS = [
    (
        "content-security-policy",
        "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
        "base-uri 'none'; object-src 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
]


class Route:
    """One pattern of a service's pages, as a regular expression over percent-encoded segments."""

    __slots__ = ("_expression", "_names", "place")

    def __init__(self, pattern: str, place: Place) -> None:
        self.place = place
        self._names = re.findall(r"{(\w+)}", pattern)
        self._expression = re.compile(re.sub(r"{\w+}", "([^/]+)", pattern))

    def labels(self, path: str) -> dict[str, str] | None:
        found = self._expression.fullmatch(path)
        return None if found is None else dict(zip(self._names, map(unquote, found.groups()), strict=True))


class Console:
    """Answers what lies below ROOT. Pages and templates are loaded at the first visit."""

    def __init__(self, cloud: Movable) -> None:
        self._cloud = cloud
        self._visitors = Visitors(cloud)
        self._pages: dict[str, Pages] = {}
        self._routes: dict[str, list[Route]] = {}
        self._environment: Any = None

    async def handle(self, request: HttpRequest) -> HttpResponse:
        if await self._cloud.is_function(request.peer):
            return HttpResponse(403, [("content-type", "text/plain")], b"No function may use the console.\n")
        if not request.path.startswith(ROOT):
            return HttpResponse(302, [("location", ROOT + "/")])
        self._load()
        path = request.path.removeprefix(ROOT).strip("/")
        if path.startswith("static/"):
            return _static(path.removeprefix("static/"))
        if request.method not in ("GET", "HEAD") and is_of_another_page(request):
            return HttpResponse(403, [("content-type", "text/plain")], b"Another page may not do that.\n")
        if path in ("sign-in", "sign-out"):
            return await self._sign(request, is_in=path == "sign-in")
        principal = await self._visitors.visitor(request)
        if principal is None:
            return HttpResponse(302, [("location", f"{ROOT}/sign-in?to={quote(request.path, safe='/')}")])
        return await self._answer(request, principal, path)

    def _load(self) -> None:
        if self._environment is not None:
            return
        # Not before: most processes are never visited, and Jinja takes longer to load than the rest of the console.
        from pileus.console.rendering import environment

        registry = self._cloud.registry
        modules = {name: service.console for name, service in registry.services.items() if service.console}
        pages = {name: import_module(module).CONSOLE for name, module in modules.items()}
        self._pages = {
            CLOUD: cloud_pages.CONSOLE,
            **dict(sorted(pages.items(), key=lambda each: each[1].title.lower())),
        }
        self._routes = {
            name: [Route(pattern, place) for pattern, place in each.places.items()]
            for name, each in self._pages.items()
        }
        self._environment = environment({name: each.folder for name, each in self._pages.items()})

    async def _answer(self, request: HttpRequest, principal: Principal, path: str) -> HttpResponse:
        account = principal.account or self._cloud.settings.account
        region, _, rest = path.partition("/")
        service, _, rest = rest.partition("/")
        if region == "region":  # from the navigation's field: the same page elsewhere
            return _to_region(request)
        if not path:
            return HttpResponse(302, [("location", f"{ROOT}/{self._cloud.settings.region}")])
        visit = Visit(
            self._cloud,
            service or CLOUD,
            principal,
            account,
            region,
            {},
            query=_last(parse_qs(request.query, keep_blank_values=True, max_num_fields=FIELDS_LIMIT)),
            body=request.body,
            endpoint=f"{request.scheme}://{request.host}",
            source_ip=request.client_host,
            is_secure=request.scheme == "https" or request.client_host in ("127.0.0.1", "::1"),
        )
        place = self._place(visit, rest) if region_of_host(region) == region else None
        if place is None:
            return self._frame(request, visit, "nothing.html", "Nothing here", status=404)
        try:
            if request.method in ("GET", "HEAD"):
                return self._shown(request, visit, await place.show(visit))
            return await self._act(request, visit, place)
        except AwsError as error:
            values = {"error": error}
            return self._frame(request, visit, "error.html", error.code, values, status=error.status)

    def _place(self, visit: Visit, path: str) -> Place | None:
        if visit.service not in self._routes:
            return None
        if not path:
            path = self._pages[visit.service].menu[0][1]
        for route in self._routes[visit.service]:
            labels = route.labels(path)
            if labels is not None:
                visit.labels = labels
                return route.place
        return None

    async def _act(self, request: HttpRequest, visit: Visit, place: Place) -> HttpResponse:
        """Do it, or show the page again with what was typed, and why not."""
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raw = await request.body.read(FORM_LIMIT_BYTES)
            try:
                visit.texts = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
            except ValueError:
                return HttpResponse(400, [("content-type", "text/plain")], b"That form is not well formed.\n")
            visit.form = _last(visit.texts)
        action = place.actions.get(visit.form.get("action") or visit.query.get("action", ""))
        if action is None:
            return self._frame(request, visit, "nothing.html", "Nothing here", status=404)
        try:
            done = await action(visit)
        except AwsError as error:
            visit.error = error
            return self._shown(request, visit, await place.show(visit), status=error.status)
        if not isinstance(done, Redirect):
            return self._shown(request, visit, done)
        notice = quote(done.notice[:NOTICE_LIMIT], safe="")
        headers = [("location", done.to), cookie(NOTICE, notice, request, max_age_s=NOTICE_S)]
        return HttpResponse(303, headers)

    def _shown(
        self, request: HttpRequest, visit: Visit, page: Page | HttpResponse, *, status: int = 200
    ) -> HttpResponse:
        if isinstance(page, HttpResponse):
            return page
        return self._frame(
            request,
            visit,
            f"{visit.service}/{page.template}",
            page.title,
            page.values,
            trail=page.trail,
            refresh_s=page.refresh_s,
            status=status,
        )

    def _frame(
        self,
        request: HttpRequest,
        visit: Visit,
        template: str,
        title: str,
        values: Mapping = {},
        *,
        trail: tuple = (),
        refresh_s: int = 0,
        status: int = 200,
    ) -> HttpResponse:
        notice = unquote(cookies(request).get(NOTICE, ""))
        clock = self._cloud.clock
        of_shell = {
            "visit": visit,
            "url": visit.url,
            "root": ROOT,
            "static": f"{ROOT}/static",
            "title": title,
            "trail": trail,
            "pages": self._pages,
            "current": self._pages.get(visit.service),
            "path": request.path,
            "notice": notice,
            "now_ms": clock.now_ms(),
            "is_frozen": clock.frozen_at_ms is not None,
            "version": __version__,
            "is_signed_in": COOKIE in cookies(request),
        }
        assert not values.keys() & of_shell.keys(), "a page's value would be hidden by one of the shell's"
        shown = {"form": visit.form, "error": visit.error, **values, **of_shell}
        headers = [("content-type", "text/html; charset=utf-8"), *HEADERS]
        if refresh_s:
            headers.append(("refresh", str(refresh_s)))
        if notice:
            headers.append(cookie(NOTICE, "", request, max_age_s=0))
        return HttpResponse(status, headers, self._environment.get_template(template).render(shown).encode())

    async def _sign(self, request: HttpRequest, *, is_in: bool) -> HttpResponse:
        to = parse_qs(request.query).get("to", [""])[-1]
        wrong = ""
        if request.method == "POST" and not is_in:
            self._visitors.sign_out(request)
            return HttpResponse(303, [("location", f"{ROOT}/sign-in"), cookie(COOKIE, "", request, max_age_s=0)])
        if request.method == "POST":
            form = _last(parse_qs((await request.body.read(FORM_LIMIT_BYTES)).decode(errors="replace")))
            key_id, secret, token = (
                form.get(name, "").strip() for name in ("access_key_id", "secret_access_key", "session_token")
            )
            try:
                signed_in = await self._visitors.sign_in(request, key_id, secret, token)
            except AwsError:
                wrong = "There is no such access key, or its secret is another."
            else:
                # An address of the console's and no other: "//example.com" would lead away.
                home = to if to.startswith(ROOT + "/") else ROOT + "/"
                headers = [("location", home), cookie(COOKIE, signed_in, request, max_age_s=SESSION_MS // 1000)]
                return HttpResponse(303, headers)
        template = self._environment.get_template("sign_in.html")
        text = template.render(root=ROOT, static=f"{ROOT}/static", wrong=wrong, to=to, version=__version__)
        headers = [("content-type", "text/html; charset=utf-8"), *HEADERS]
        return HttpResponse(403 if wrong else 200, headers, text.encode())


def _static(name: str) -> HttpResponse:
    found = next((path for path in STATIC.iterdir() if path.name == name), None)
    if found is None:
        return HttpResponse(404, [("content-type", "text/plain")], b"There is no such file.\n")
    headers = [
        ("content-type", TYPES[found.suffix]),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
    ]
    return HttpResponse(200, headers, found.read_bytes())


def _to_region(request: HttpRequest) -> HttpResponse:
    """The first page of the same service in the region that was chosen."""
    query = _last(parse_qs(request.query))
    region, service = query.get("region", ""), query.get("service", "")
    if region_of_host(region) != region or not re.fullmatch(r"[a-z0-9-]*", service):
        return HttpResponse(404, [("content-type", "text/plain")], b"There is no such region.\n")
    return HttpResponse(302, [("location", f"{ROOT}/{region}/{service}".rstrip("/"))])


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: texts[-1] for name, texts in values.items()}

"""A browser for tests, as small as it can be: `cloud.browser` asks the console and keeps cookies."""

import re
from html import unescape
from urllib.parse import urlencode

import msgspec

from pileus.console.shell import Console
from pileus.kernel.http import Body, HttpRequest, HttpResponse
from pileus.kernel.pages import ROOT

HOST = "localhost:4566"


class Seen(msgspec.Struct):
    """`text` is the main part of the page without its markup, one space for each gap; `html` all of it."""

    status: int
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        main = re.search(r"<main>(.*)</main>", self.html, re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", main[1] if main else self.html)).split())

    @property
    def links(self) -> list[str]:
        return [unescape(each) for each in re.findall(r'href="([^"]*)"', self.html)]


class Browser:
    """Paths are those below a region: "dynamodb/tables". Redirects are followed."""

    def __init__(self, console: Console, region: str) -> None:
        self._console = console
        self._region = region
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **query: str) -> Seen:
        address = path if path.startswith("/") else f"{ROOT}/{self._region}/{path}"
        return await self.send("GET", address, urlencode(query))

    async def post(
        self, path: str, action: str, *, query: dict[str, str] | None = None, **form: str | list[str]
    ) -> Seen:
        """Press the button `action` of a form that holds `form`."""
        body = urlencode({**form, "action": action}, doseq=True).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://{HOST}"}
        address = path if path.startswith("/") else f"{ROOT}/{self._region}/{path}"
        return await self.send("POST", address, urlencode(query or {}), body, headers)

    async def follow(self, seen: Seen, part: str) -> Seen:
        """The page behind the one link that holds `part`."""
        (address,) = {link for link in seen.links if part in link}
        return await self.send("GET", *address.partition("#")[0].split("?", 1))

    async def sign_in(self, key: dict, to: str = "") -> Seen:
        """key  an AccessKey as CreateAccessKey answers it; to  where the page that asks for it comes from"""
        form = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        return await self.post(f"{ROOT}/sign-in", "", query={"to": to}, **form)

    async def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Seen:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"host": HOST, **({"cookie": cookie} if cookie else {}), **(headers or {})}
        response = await self._console.handle(HttpRequest(method, path, query, sent, Body(body)))
        for name, value in response.headers:
            if name == "set-cookie":
                self._keep(value)
        seen = Seen(response.status, await _text(response), dict(response.headers))
        if seen.status in (302, 303):
            to, _, query = seen.headers["location"].partition("?")
            return await self.send("GET", to, query)
        return seen

    def _keep(self, header: str) -> None:
        name, _, value = header.partition(";")[0].partition("=")
        if "Max-Age=0" in header:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


async def _text(response: HttpResponse) -> str:
    if isinstance(response.body, bytes):
        return response.body.decode(errors="replace")
    return b"".join([piece async for piece in response.body]).decode(errors="replace")

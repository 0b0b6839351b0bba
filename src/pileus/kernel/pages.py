"""What a service's pages in the web console are made of. The shell around them is `console/`.

A service's `console/` folder says `CONSOLE = Pages(...)`. A page is an async function that takes a visit, asks the
service's own public operations as the visitor, and returns what its template shows: it sees no state, and may do no
more than the visitor may with any other client.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pileus.kernel.call import Cloud
from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.http import Body, HttpResponse
from pileus.kernel.principal import Principal

ROOT = "/_pileus/console"
"""Where the console is. No bucket's name begins with an underscore, so no path of S3's is hidden."""

DIGITS_MAX = 18


class Page(msgspec.Struct):
    """
    template   a file of the service's `console/` folder
    title      what the page is of: a table's name, say
    values     what the template names
    trail      (title, address) of the pages above this one
    refresh_s  the browser asks again after so many seconds; 0: it doesn't. For what is on its way (CREATING)
    """

    template: str
    title: str
    values: dict[str, Any] = {}
    trail: tuple[tuple[str, str], ...] = ()
    refresh_s: int = 0


class Redirect(msgspec.Struct):
    """What an action that succeeded answers: where to go, and what to say there once."""

    to: str
    notice: str = ""


class Visit(msgspec.Struct):
    """One request for a page.

    labels  what stands for the {names} of the page's pattern
    query   and form: of a repeated name the last value; `texts` has all of a form's
    body    of a request that carries no form (an upload), unread
    error   why the action failed after which this page is shown again, with `form` as it was sent
    """

    cloud: Cloud
    service: str
    principal: Principal
    account: str
    region: str
    labels: Mapping[str, str]
    query: Mapping[str, str] = {}
    form: Mapping[str, str] = {}
    texts: Mapping[str, list[str]] = {}
    body: Body = msgspec.field(default_factory=Body)
    endpoint: str = ""
    source_ip: str = "127.0.0.1"
    is_secure: bool = True
    error: AwsError | None = None

    async def invoke(self, operation: str, request: dict | None = None, *, service: str = "") -> dict:
        """Ask one of the cloud's operations as the visitor, who may do no more here than elsewhere. Raises AwsError."""
        call = self.cloud.call(
            service or self.service, operation, principal=self.principal, account=self.account, region=self.region
        )
        call.source_ip, call.is_secure, call.endpoint = self.source_ip, self.is_secure, self.endpoint
        call.user_agent, call.is_of_page = "pileus-console", True
        return await self.cloud.invoke(call, request or {})

    def url(self, /, *segments: str, **query: object) -> str:
        """The address of a page of this service; what is empty in the query is left out."""
        return self.url_of(self.service, *segments, **query)

    def url_of(self, service: str, /, *segments: str, **query: object) -> str:
        """The address of another service's page."""
        path = "/".join(quote(segment, safe="") for segment in (self.region, service, *segments))
        kept = {name: value for name, value in query.items() if value not in ("", None)}
        return f"{ROOT}/{path}" + (f"?{urlencode(kept)}" if kept else "")

    def typed(self, name: str, default: str = "") -> str:
        """What a field of the form holds; where there is no form, what the query says of it."""
        return self.form.get(name, self.query.get(name, default)).strip()

    def whole(self, name: str, label: str) -> int:
        """The whole number that a field holds; `label` begins the sentence that says there is none."""
        text = self.typed(name)
        if not text.isdecimal() or len(text) > DIGITS_MAX:
            raise ValidationException(f"{label} must be a whole number.")
        return int(text)

    def time(self, name: str) -> datetime:
        """The time that a field holds: UTC, as the console shows times, unless it says otherwise."""
        try:
            time = datetime.fromisoformat(self.typed(name))
        except ValueError as error:
            raise ValidationException("Write the time as 2026-01-31 12:00:00, in UTC.") from error
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)

    def must_be(self, name: str, verb: str = "delete") -> None:
        """Refuse a deletion whose form doesn't hold the name: scripts only help to type it right."""
        typed = self.form.get("typed_name", "")
        if name not in (typed, typed.strip()):
            raise ValidationException(f"To {verb} {name}, type its name.")


Show = Callable[[Visit], Awaitable[Page | HttpResponse]]
Act = Callable[[Visit], Awaitable[Redirect | HttpResponse]]


@dataclass(frozen=True)
class Place:
    """One address: what it shows, and what the forms on it do, by the value of their button `action`."""

    show: Show
    actions: Mapping[str, Act] = field(default_factory=dict)


@dataclass(frozen=True)
class Pages:
    """
    title    the service's name for people
    about    what it is, in a few words
    menu     (title, path) of the pages that stand in the navigation; the first is where the service begins
    places   pattern -> Place: "tables/{table}/items". A {name} takes one segment, percent-decoded
    folder   where the templates are
    """

    title: str
    about: str
    menu: tuple[tuple[str, str], ...]
    places: Mapping[str, Place]
    folder: str

"""Who visits, and what a page of somebody else's can't do in their name.

A browser sends a request to this machine for whichever page asks it to. Three things keep other pages out:
- What changes something is a POST, and one whose Origin is not the console's own is refused (cross-site forgery).
- Nobody is root without a sign-in but under a loopback name: a name of the internet that leads here (DNS rebinding)
  has no sign-in cookie, which a browser binds to the name it came from.
- No page may frame the console (clickjacking), and only its own scripts run (`shell.py`, HEADERS).

Functions are on loopback too, and are refused altogether.
"""

import hmac

import msgspec

from pileus.authn.refusals import refusal
from pileus.gateway.clock_moves import Movable
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest
from pileus.kernel.pages import ROOT
from pileus.kernel.principal import Principal, root

COOKIE = "pileus-console"
SESSION_MS = 12 * 3_600_000
"""As long as a session of AWS's console. Source: AWS Sign-In user guide, "session duration"."""

SESSIONS_LIMIT = 1000
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
LOOPBACK = ("127.0.0.1", "::1")


class Session(msgspec.Struct):
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expires_ms: int


class Visitors:
    """Who has signed in. In memory: after a restart one signs in again."""

    def __init__(self, cloud: Movable) -> None:
        self._cloud = cloud
        self._sessions: dict[str, Session] = {}

    async def visitor(self, request: HttpRequest) -> Principal | None:
        """Who asks; None: they must sign in. The key is looked up each time, for it may be gone by now."""
        token = cookies(request).get(COOKIE)
        session = self._sessions.get(token) if token else None
        if session is not None:
            if session.expires_ms > self._cloud.clock.wall_ms():
                try:
                    return await self._holder(request, session)
                except AwsError:
                    pass
            del self._sessions[token]
        if self._cloud.settings.auth == "local" and request.client_host in LOOPBACK and _is_loopback_name(request):
            return root(self._cloud.settings.account)
        return None

    async def sign_in(self, request: HttpRequest, key_id: str, secret: str, session_token: str) -> str:
        """The value of the cookie. Raises AWS's refusal of a key that is not there, or of another secret."""
        expires_ms = self._cloud.clock.wall_ms() + SESSION_MS
        session = Session(key_id, secret, session_token or None, expires_ms)
        await self._holder(request, session)
        token = self._cloud.ids.hex(64)
        while len(self._sessions) >= SESSIONS_LIMIT:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[token] = session
        return token

    def sign_out(self, request: HttpRequest) -> None:
        self._sessions.pop(cookies(request).get(COOKIE, ""), None)

    async def _holder(self, request: HttpRequest, session: Session) -> Principal:
        principal, secret = await self._cloud.gateway.authenticator.key_holder(
            session.access_key_id, session.session_token, request, "json"
        )
        if not hmac.compare_digest(secret.encode(), session.secret_access_key.encode()):
            raise refusal("json", "unknown key")
        return principal


def is_of_another_page(request: HttpRequest) -> bool:
    """Whether a browser sends this for a page that is not the console's own."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.rpartition("://")[2] != request.host
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def cookies(request: HttpRequest) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def cookie(name: str, value: str, request: HttpRequest, *, max_age_s: int) -> tuple[str, str]:
    """A header. Never shown to scripts, never sent for another site's page."""
    secure = "; Secure" if request.scheme == "https" else ""
    return "set-cookie", f"{name}={value}; Path={ROOT}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"


def _is_loopback_name(request: HttpRequest) -> bool:
    return request.host.rsplit(":", 1)[0].strip("[]") in LOOPBACK_HOSTS

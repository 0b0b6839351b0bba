"""Who calls. Makes the Call from a request whose signature holds, and reads the body that the signature covers."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache

from msgspec.structs import replace

from pileus.authn import sessions, sigv2, sigv4
from pileus.authn.payload import verified_body
from pileus.authn.refusals import Dialect, refusal
from pileus.authn.signed import ALGORITHM_V2, Signed
from pileus.gateway.endpoints import region_of_host
from pileus.gateway.exchange import Exchange
from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, HttpRequest
from pileus.kernel.principal import Principal, anonymous, root

BODY_LIMIT_BYTES = 70 * 1024 * 1024
"""The largest body that is no stream: a function's zip of 50 MB in base64, and some room."""

LOOPBACK = ("127.0.0.1", "::1")
WELL_KNOWN_KEY = WELL_KNOWN_SECRET = "test"
_ACCOUNT = re.compile(r"\d{12}")


class Authenticator:
    """Local auth: `test`/`test`, or a twelve-digit key with the secret `test`, is an account's root on this machine,
    for everybody but the functions that run here.

    identity     the service that keeps access keys
    session_key  seals and opens the tokens of temporary credentials; the composition root sets it at the start
    """

    __slots__ = (
        "_cloud",
        "_identity_service",
        "_is_local",
        "session_key",
    )

    def __init__(self, cloud: Cloud, identity: str) -> None:
        self._cloud = cloud
        self._identity_service = identity
        self._is_local = cloud.settings.auth == "local"
        self.session_key = b""

    def authenticate(self, exchange: Exchange) -> Awaitable[None] | None:
        """Set the exchange's call and body (empty where the operation streams it). Raises AWS's refusals, now or when
        what is returned is awaited."""
        request = exchange.request
        dialect = dialect_of(exchange.target.protocol)
        signed = sigv4.read(request, dialect, takes_v2=exchange.service.takes_signature_v2)
        if signed is None:
            return self._check_signature(exchange, None, anonymous(), "")
        if not signed.session_token and (request.peer is not None and request.peer.is_function is False):
            holder = self._root_here(signed.access_key_id, request)
            if holder is not None:
                return self._check_signature(exchange, signed, holder, WELL_KNOWN_SECRET)
        return self._authenticate(exchange, signed, dialect)

    async def _authenticate(self, exchange: Exchange, signed: Signed, dialect: Dialect) -> None:
        """Where it takes a look around to know whose the key is."""
        try:
            principal, secret = await self.key_holder(
                signed.access_key_id, signed.session_token, exchange.request, dialect
            )
        except AwsError:
            if not signed.is_s3:  # the others look at the time first
                sigv4.check_time(signed, self._cloud.clock.wall_ms())
            raise
        waits = self._check_signature(exchange, signed, principal, secret)
        if waits is not None:
            await waits
        if principal.kind == "user" and not principal.is_temporary:
            await self._note_use(signed)

    def anonymous(self, exchange: Exchange) -> tuple[Call, Callable]:
        """The call of a request whose signature is none of ours to read, and what finds the holders of keys for it."""
        request, dialect = exchange.request, dialect_of(exchange.target.protocol)

        async def key_holder(access_key_id: str, session_token: str | None) -> tuple[Principal, str]:
            return await self.key_holder(access_key_id, session_token, request, dialect)

        return self._call(exchange, anonymous(), None), key_holder

    async def key_holder(
        self, key_id: str, session_token: str | None, request: HttpRequest, dialect: Dialect
    ) -> tuple[Principal, str]:
        """The principal of a key, and its secret. Raises the refusal of an unknown key."""
        if session_token:
            now_ms = self._cloud.clock.now_ms()
            session = sessions.open_session(session_token, self.session_key, key_id, now_ms, dialect)
            return session.principal, session.secret_access_key
        holder = self._root_here(key_id, request)
        if holder is not None:
            peer = request.peer
            is_known = peer is not None and peer.is_function is not None
            # Functions are on loopback too; to them these are keys like any that nobody made.
            if not (peer.is_function if is_known else await self._cloud.is_function(peer)):
                return holder, WELL_KNOWN_SECRET
        keeper = await self._cloud.service(self._identity_service)
        found = None if keeper is None else self._cloud.store.look(keeper.credentials, key_id)[0]
        if found is None:
            raise refusal(dialect, "unknown key", AWSAccessKeyId=key_id if dialect == "s3" else None)
        secret, principal = found
        return principal, secret

    def _root_here(self, key_id: str, request: HttpRequest) -> Principal | None:
        """Whom a key stands for that nobody had to make, from this machine; None: it is no such key."""
        if self._is_local and request.client_host in LOOPBACK:
            return _root_of(key_id, self._cloud.settings.account)
        return None

    async def _note_use(self, signed: Signed) -> None:
        """After a good signature with a user's own key: only keys that the identity service made are its to note."""
        keeper = await self._cloud.service(self._identity_service)
        if keeper is not None:
            keeper.key_used(self._cloud, signed.access_key_id, signed.service, signed.region)

    def _check_signature(
        self, exchange: Exchange, signed: Signed | None, principal: Principal, secret: str
    ) -> Awaitable[None] | None:
        """And read the body, and make the call."""
        request = exchange.routed
        if signed is not None and signed.kind == "presigned" and signed.is_s3:
            # Its maker's headers may travel in the query; they are as good as sent.
            exchange.routed = replace(request, headers={**sigv2.headers_of_url(request.query), **request.headers})
        if request.path != exchange.request.path and not (signed is not None and signed.algorithm == ALGORITHM_V2):
            request = replace(request, path=exchange.request.path)
        now_ms = self._cloud.clock.wall_ms()
        declared = sigv4.declared_payload(request, signed) if signed is not None else None
        if declared is not None:
            sigv4.verify(request, signed, secret, now_ms, declared=declared)
        body = verified_body(request, signed, secret, declared=declared)
        if exchange.model.has_streaming_input and (signed is None or declared is not None):
            exchange.routed = exchange.routed.with_body(body)
            exchange.call = self._call(exchange, principal, signed)
            return None

        def check(read: bytes) -> None:
            exchange.body = read
            if signed is not None and declared is None:
                sigv4.verify(request, signed, secret, now_ms, hashlib.sha256(read).hexdigest(), declared=None)
            if exchange.model.has_streaming_input:
                # Signed as a whole, so it had to be read; the operation streams it all the same.
                exchange.routed = exchange.routed.with_body(Body(read))
            elif exchange.service.check_body is not None:
                exchange.service.check_body(exchange.model.name, request, read, getattr(body, "trailers", {}))
            exchange.call = self._call(exchange, principal, signed)

        read = body.read_arrived(BODY_LIMIT_BYTES)
        if read is None:
            return _read_and(check, body)
        check(read)
        return None

    def _call(self, exchange: Exchange, principal: Principal, signed: Signed | None) -> Call:
        cloud, request, target = self._cloud, exchange.request, exchange.target
        host, client_host = request.host, request.client_host
        region = (signed.region if signed is not None else "") or region_of_host(host) or cloud.settings.region
        return Call(
            cloud,
            target.service,
            target.operation,
            principal.account or cloud.settings.account,
            region,
            principal,
            exchange.request_id,
            cloud.clock.now_ms(),
            client_host,
            # What never leaves the machine counts as secure: templates that deny plain HTTP are common.
            client_host in LOOPBACK or request.scheme == "https",
            f"{request.scheme}://{host}",
            request.headers.get("user-agent", ""),
            None,
            exchange.routed,
            request.body,
        )


async def _read_and(check: Callable[[bytes], None], body: Body) -> None:
    check(await body.read(BODY_LIMIT_BYTES))


@lru_cache(maxsize=1024)
def _root_of(key_id: str, own_account: str) -> Principal | None:
    """Whom a key stands for that nobody had to make; None: it is no such key."""
    account = own_account if key_id == WELL_KNOWN_KEY else key_id
    return root(account, access_key_id=key_id) if _ACCOUNT.fullmatch(account) else None


_DIALECTS: dict[str, Dialect] = {"rest-xml": "s3", "rest-json": "rest-json", "query": "query", "ec2": "query"}


def dialect_of(protocol: str) -> Dialect:
    """How refusals are spelled in a protocol."""
    return _DIALECTS.get(protocol, "json")

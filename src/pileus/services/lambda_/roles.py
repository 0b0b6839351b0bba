"""The roles that functions run as: asked of STS as Lambda asks, and remembered while their credentials last."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import Principal, role_session, service
from pileus.runtime.spec import Credentials
from pileus.services.lambda_ import errors

LAMBDA = "lambda.amazonaws.com"
RENEW_BEFORE_MS = 1_200_000
"""An invocation takes up to fifteen minutes and its credentials must last for it."""

REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Session:
    credentials: Credentials
    principal: Principal


class Roles:
    """Sessions by (role, function name); the function's name is the session's, as on AWS."""

    def __init__(self, cloud: Any) -> None:
        self._cloud = cloud
        self._sessions: dict[tuple[str, str, str], Session] = {}

    async def session(self, role_arn: str, region: str, function_name: str) -> Session:
        """Raises what STS says: AccessDenied where the role's trust does not name Lambda."""
        key = (role_arn, region, function_name)
        known = self._sessions.get(key)
        if known is not None and known.credentials.expires_at_ms - RENEW_BEFORE_MS > self._cloud.clock.now_ms():
            return known
        found = await self._assume(role_arn, region, function_name)
        if len(self._sessions) >= REMEMBERED:
            self._sessions.clear()
        self._sessions[key] = found
        return found

    def forget(self, role_arn: str, region: str, function_name: str) -> None:
        """Ask anew next time: the session was refused, and may be of a role of that name that is no more."""
        self._sessions.pop((role_arn, region, function_name), None)

    def credentials(self, role_arn: str, region: str, function_name: str) -> Callable[[], Awaitable[Credentials]]:
        """For FunctionSpec: called when an environment starts."""

        async def ask() -> Credentials:
            try:
                return (await self.session(role_arn, region, function_name)).credentials
            except AccessDenied as error:
                raise errors.AccessDeniedException(errors.role_not_assumable().message) from error

        return ask

    async def check(self, role_arn: str, region: str, function_name: str) -> None:
        """errors   InvalidParameterValueException where Lambda can't assume the role"""
        try:
            await self._assume(role_arn, region, function_name)
        except AccessDenied as error:
            raise errors.role_not_assumable() from error
        except AwsError as error:
            if error.code not in ("AccessDenied", "NoSuchEntity"):
                raise
            raise errors.role_not_assumable() from error

    async def _assume(self, role_arn: str, region: str, function_name: str) -> Session:
        account = role_arn.split(":")[4]
        asked = self._cloud.call("sts", "AssumeRole", principal=service(LAMBDA), account=account, region=region)
        # A session's name has two characters at least, a function's may have one.
        session_name = function_name.ljust(2, "-")
        answer = await self._cloud.invoke(asked, {"RoleArn": role_arn, "RoleSessionName": session_name})
        given = answer["Credentials"]
        expires_at_ms = _ms(given["Expiration"])
        credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], expires_at_ms)
        role_id = answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")[0]
        principal = role_session(
            role_arn,
            role_id,
            session_name,
            issued_ms=asked.now_ms,
            expires_ms=expires_at_ms,
            access_key_id=credentials.access_key_id,
        )
        return Session(credentials, principal)


def _ms(moment: datetime | int) -> int:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment

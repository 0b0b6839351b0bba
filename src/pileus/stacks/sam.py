"""The transform AWS::Serverless-2016-10-31, run by the aws-sam-translator library in a process of its own.

Measured: in this process the library would cost 47 MiB for ever after the first SAM deployment, against an idle limit
of 80 MiB. The worker costs that only while templates are being deployed (sam_worker.py).
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from pileus.kernel.errors import AwsError, InternalFailure, NotImplementedByUs
from pileus.stacks.errors import TransformFailed
from pileus.stacks.template import SAM

TIMEOUT_S = 60
"""For one template. A large one takes under a second."""
ANSWER_BYTES = 64 << 20


class Sam:
    """Expands SAM templates, one at a time. Whoever makes one closes it.

    managed_policies  name -> ARN of AWS managed policies that templates may name without their ARN; the library knows
                      most of them itself
    """

    def __init__(self, managed_policies: Mapping[str, str] | None = None) -> None:
        self.managed_policies = dict(managed_policies or {})
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def expand(self, body: dict, *, parameters: Mapping[str, Any], region: str) -> dict:
        """The template with its AWS::Serverless resources replaced by what they stand for.

        raises TransformFailed  with the library's findings, in AWS's words
        """
        _refuse_repository(body)
        request = {
            "body": body,
            "parameters": {name: value for name, value in parameters.items() if not name.startswith("AWS::")},
            "region": region,
            "managed_policies": self.managed_policies,
        }
        async with self._turn:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    answer = await self._ask(json.dumps(request).encode())
            except (TimeoutError, asyncio.CancelledError):
                # An answer nobody waits for must not be taken for the next one's.
                await self._stop()
                raise
        if "surprise" in answer:
            raise _surprise(answer["surprise"])
        if "message" in answer:
            raise TransformFailed(SAM, " ".join([answer["message"], *answer["causes"]]))
        return answer["body"]

    async def close(self) -> None:
        async with self._turn:
            await self._stop()

    async def _ask(self, data: bytes) -> dict[str, Any]:
        for is_last_try in (False, True):
            process = await self._running()
            try:
                process.stdin.write(b"%08d" % len(data) + data)
                await process.stdin.drain()
                length = int(await process.stdout.readexactly(8))
                assert length <= ANSWER_BYTES
                return json.loads(await process.stdout.readexactly(length))
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                # It may have ended of idleness between our look and our write: once more, with a new one.
                await self._stop()
                if is_last_try:
                    raise InternalFailure("The process that runs the SAM transform ended.") from error
        raise AssertionError("unreachable")

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pileus.stacks.sam_worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(),
            )
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


def _environment() -> dict[str, str]:
    """Nothing of the host's AWS configuration: the library must not find an account to ask."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _refuse_repository(body: dict) -> None:
    """An application out of AWS's public repository would be fetched from the real AWS."""
    resources = body.get("Resources")
    for resource in resources.values() if isinstance(resources, dict) else ():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Serverless::Application":
            location = (resource.get("Properties") or {}).get("Location")
            if isinstance(location, dict) and "ApplicationId" in location:
                raise NotImplementedByUs("applications of the AWS Serverless Application Repository")


def _surprise(what: str) -> AwsError:
    """The library raises plain errors on some malformed templates; AWS then says only this."""
    return TransformFailed(SAM, f"Internal transform failure. {what}")

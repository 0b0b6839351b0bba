"""What runs beside the operations: the executor of stacks, the SAM transform's process, the resource types.

One for each cloud, made at its start and found in `cloud.engines`.
"""

import json
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.cloudformation import sources, state
from pileus.stacks import acting, exports
from pileus.stacks.errors import TransformFailed
from pileus.stacks.execute import Executor
from pileus.stacks.prepare import World
from pileus.stacks.resource import ResourceTypes
from pileus.stacks.sam import Sam
from pileus.stacks.transforms import Means

NAME = "cloudformation"
MACRO_ANSWER_BYTES = 6 << 20


class Engine:
    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.executor = Executor(cloud, self.types)
        self._types: ResourceTypes | None = None
        self._sam: Sam | None = None

    def types(self) -> ResourceTypes:
        """Those of all services; their modules are imported when the first stack needs them."""
        if self._types is None:
            services = self.cloud.registry.services.values()
            self._types = ResourceTypes([each for service in services for each in service.resource_types()])
        return self._types

    async def world(self, call: Call) -> World:
        """What preparing a blueprint needs, acting as the caller."""

        async def fetch(location: str) -> str:
            found = sources.s3_location(location)
            if found is None:
                raise TransformFailed("AWS::Include", "The location parameter is not a valid S3 uri.")
            return await sources.text_in_s3(call.invoke, *found)

        async def macro(name: str, request: dict) -> dict:
            return await call_macro(call, name, request)

        means = Means(_LazySam(self, call), fetch, macro)
        exported = await call.read(exports.values, call.account, call.region)
        return World(self.types(), means, acting.ssm_parameters(call.invoke), exported)

    async def sam(self, call: Call) -> Sam:
        if self._sam is None:
            policies = await managed_policies(call)
            self._sam = self._sam or Sam(policies)
        return self._sam

    async def stop(self) -> None:
        if self._sam is not None:
            await self._sam.close()


class _LazySam:
    """Most stacks have no SAM in them: its policies are asked for when one has."""

    def __init__(self, engine: Engine, call: Call) -> None:
        self.engine = engine
        self.call = call

    async def expand(self, body: dict, *, parameters: Any, region: str) -> dict:
        sam = await self.engine.sam(self.call)
        return await sam.expand(body, parameters=parameters, region=region)


def engine_of(cloud: Any) -> Engine:
    return cloud.engines[NAME]


async def managed_policies(call: Call) -> dict[str, str]:
    """AWS's own policies, name -> ARN. Public knowledge: asked for as the account itself and not as the caller."""
    found: dict[str, str] = {}
    marker: dict[str, str] = {}
    while True:
        request = {"Scope": "AWS", "MaxItems": 1000, **marker}
        answer = await call.invoke("iam", "ListPolicies", request, principal=root(call.account))
        found.update((policy["PolicyName"], policy["Arn"]) for policy in answer.get("Policies", ()))
        if not answer.get("IsTruncated"):
            return found
        marker = {"Marker": answer["Marker"]}


async def call_macro(call: Call, name: str, request: dict) -> dict:
    """Invoke the macro's function as the caller. Source: user guide, "Template macros", "Macro function interface"."""
    function = await call.read(state.macro_function, call.account, call.region, name)
    if function is None:
        raise TransformFailed(f"{call.account}::{name}", f"No transform named {call.account}::{name} found.")
    event = {
        "region": call.region,
        "accountId": call.account,
        "transformId": f"{call.account}::{name}",
        "requestId": call.request_id,
        **request,
    }
    try:
        answer = await call.invoke(
            "lambda", "Invoke", {"FunctionName": function, "Payload": json.dumps(event).encode()}
        )
    except AwsError as error:
        raise TransformFailed(f"{call.account}::{name}", error.message) from error
    payload = await sources.read_whole(answer.get("Payload", b""), MACRO_ANSWER_BYTES)
    if answer.get("FunctionError"):
        raise TransformFailed(f"{call.account}::{name}", f"Function failed: {payload.decode(errors='replace')}")
    try:
        response = json.loads(payload)
    except ValueError:
        response = None
    if not isinstance(response, dict) or response.get("requestId") != call.request_id:
        raise TransformFailed(f"{call.account}::{name}", "Received malformed response from transform")
    return response

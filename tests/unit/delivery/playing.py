"""A function that is there in all but its process: what it is given is noted, what it answers is played."""

import json
from types import SimpleNamespace

from pileus.services.lambda_.tests.material import TRUST, allow, zipped


async def played_function(cloud, *actions: str) -> SimpleNamespace:
    """The function "f", whose role "runs" may do `actions`. Returns its `events`, and what it `answers`: a function of
    an event, whose result is the response; an exception stands for an error of the function."""
    role = await cloud.iam.CreateRole(RoleName="runs", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="p", PolicyDocument=allow(*actions))
    await cloud.lambda_.CreateFunction(
        FunctionName="f",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped()},
    )
    await cloud.settle()
    played = SimpleNamespace(events=[], answers=lambda event: None)
    running = cloud.pileus.engines["lambda"].running

    async def invoke(ref, payload, *, request_id, started=None):
        (version, _), _ = await running._ready_version(ref)
        played.events.append(json.loads(payload))
        response = played.answers(played.events[-1])
        error = "Unhandled" if isinstance(response, Exception) else None
        answer = json.dumps(None if error else response).encode()
        invocation = SimpleNamespace(payload=answer, error=error, log_stream="")
        return SimpleNamespace(version=version, invocation=invocation, spec=await running._spec(version), seen=0)

    running.invoke = invoke
    return played

"""Invocations in real sandboxes: what reaches a function, and what comes back."""

import base64
import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.lambda_.tests.material import ECHO, TRUST, zipped

TELL = """
import json, os, sys
def handler(event, context):
    print("asked:", json.dumps(event))
    sys.path.append("/opt/python")
    tools = __import__("tools").v if os.path.exists("/opt/python/tools.py") else None
    return {
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "client": context.client_context.custom if context.client_context else None,
        "KEY": os.environ.get("KEY"),
        "tools": tools,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
"""

FAIL = "def handler(event, context):\n    raise ValueError('no ' + event['what'])\n"

CALLER = """
import boto3
def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


async def invoke(cloud, name="echo", event=None, **more):
    return await cloud.lambda_.Invoke(FunctionName=name, Payload=json.dumps(event or {}).encode(), **more)


async def log_lines(cloud, name="echo"):
    await cloud.pileus.engines["lambda"].logs.flush()
    found = await cloud.logs.FilterLogEvents(logGroupName=f"/aws/lambda/{name}")
    return [event["message"] for event in found["events"]]


async def test_an_event_is_answered(cloud, make):
    await make()
    answer = await invoke(cloud, event={"a": "ä"}, LogType="Tail")
    assert json.loads(answer["Payload"]) == {"a": "ä"}
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer.get("FunctionError")) == (200, "$LATEST", None)
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "\nREPORT RequestId: " in tail
    assert json.loads((await cloud.lambda_.Invoke(FunctionName="echo"))["Payload"]) == {}


async def test_a_new_function_can_be_invoked_at_once(cloud, role):
    await cloud.lambda_.CreateFunction(
        FunctionName="echo", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": zipped(ECHO)}
    )
    assert json.loads((await invoke(cloud, event=[1]))["Payload"]) == [1]


async def test_what_a_function_is_told_comes_from_its_version_alias_layers_and_caller(cloud, make):
    layer = await cloud.lambda_.PublishLayerVersion(
        LayerName="tools", Content={"ZipFile": zipped("v = 7\n", "python/tools.py")}
    )
    await make("tell", TELL, Environment={"Variables": {"KEY": "17"}}, Layers=[layer["LayerVersionArn"]])
    await cloud.lambda_.PublishVersion(FunctionName="tell")
    alias = await cloud.lambda_.CreateAlias(FunctionName="tell", Name="live", FunctionVersion="1")
    context = base64.b64encode(b'{"custom": {"who": "me"}}').decode()
    answer = await invoke(cloud, "tell:live", {"n": 1}, ClientContext=context)
    told = json.loads(answer["Payload"])
    assert answer["ExecutedVersion"] == "1"
    assert told.pop("trace").startswith("Root=1-")
    assert told == {"version": "1", "arn": alias["AliasArn"], "client": {"who": "me"}, "KEY": "17", "tools": 7}
    lines = await log_lines(cloud, "tell")
    assert 'asked: {"n": 1}\n' in lines
    assert [line.split()[0] for line in lines] == ["INIT_START", "START", "asked:", "END", "REPORT"]


async def test_a_function_that_raises_answers_its_error(cloud, make):
    await make("fail", FAIL)
    answer = await invoke(cloud, "fail", {"what": "luck"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.loads(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no luck")


async def test_a_changed_function_answers_as_it_is_now(cloud, make):
    await make()
    await invoke(cloud)
    await cloud.lambda_.UpdateFunctionCode(
        FunctionName="echo", ZipFile=zipped("def handler(event, context):\n    return 'new'\n")
    )
    assert json.loads((await invoke(cloud))["Payload"]) == "new"


async def test_a_function_runs_with_its_roles_credentials(cloud, make):
    await make("caller", CALLER, Timeout=30)
    from pileus.gateway.local import LocalApi
    from pileus.gateway.server import Server

    server = Server(LocalApi(cloud.pileus).handle, "127.0.0.1", 0, clock=cloud.clock)
    await server.start()
    cloud.pileus.serve_at(server.port)
    try:
        answer = await invoke(cloud, "caller")
    finally:
        await server.stop(grace_s=1)
    assert json.loads(answer["Payload"]) == "arn:aws:sts::000000000000:assumed-role/runs-functions/caller"


async def test_lines_that_the_role_may_not_write_are_dropped(cloud, make):
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="logs")
    await make()
    await invoke(cloud)
    await cloud.pileus.engines["lambda"].logs.flush()
    assert (await cloud.logs.DescribeLogGroups())["logGroups"] == []


async def test_a_role_that_trusts_lambda_no_more_stops_new_environments(cloud, make):
    await make()
    await cloud.iam.UpdateAssumeRolePolicy(RoleName="runs-functions", PolicyDocument=TRUST.replace("lambda.", "ec2."))
    with pytest.raises(AwsError, match=r"AccessDeniedException: The role .* cannot be assumed by Lambda"):
        await invoke(cloud)


async def test_reserved_concurrency_is_a_ceiling(cloud, make):
    await make()
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
    function = cloud.store.look(_function)[0]
    concurrency = cloud.pileus.engines["lambda"].running.concurrency
    concurrency.enter(function)
    with pytest.raises(AwsError, match="TooManyRequestsException"):
        await invoke(cloud)
    concurrency.leave(function)
    assert (await invoke(cloud))["StatusCode"] == 200


def _function(tx):
    from pileus.services.lambda_.state import FUNCTIONS

    return next(FUNCTIONS.scan(tx))

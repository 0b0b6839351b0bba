"""CloudFormation types, each step run as the executor runs it; several twice, as after a kill."""

import asyncio
import io
import json
import re
import shutil
import zipfile

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.lambda_ import resources
from pileus.services.lambda_.inline_code import package
from pileus.services.lambda_.tests.material import ECHO, zipped
from pileus.stacks.resource import Gone, InvalidProperty, ResourceContext, ResourceTypes

TYPES = ResourceTypes(resources.RESOURCE_TYPES)
STACK_TAGS = {"aws:cloudformation:stack-id": "stack-1", "aws:cloudformation:logical-id": "Echo"}


@pytest.fixture
def context(cloud):
    async def invoke(service, operation, request):
        return await getattr(getattr(cloud, service if service != "lambda" else "lambda_"), operation)(**request)

    return ResourceContext(
        cloud.account, cloud.region, "aws", "app", "stack-1", "Echo", "token", cloud.clock, invoke, STACK_TAGS
    )


@pytest.fixture
def properties(role):
    return {"Code": {"ZipFile": ECHO}, "Handler": "index.handler", "Role": role, "Runtime": "python3.11"}


def of(name):
    return TYPES.get(f"AWS::Lambda::{name}")


async def configuration(cloud, name):
    await cloud.settle()
    return await cloud.lambda_.GetFunctionConfiguration(FunctionName=name)


async def test_a_function_is_made_of_code_in_the_template_and_runs(cloud, context, properties):
    made = await of("Function").create(context, of("Function").coerced({**properties, "MemorySize": "256"}))
    assert made.physical_id.startswith("app-Echo-")
    assert made.attributes["Arn"].endswith(f":function:{made.physical_id}")
    assert made.attributes["SnapStartResponse.ApplyOn"] == "None"
    answer = await cloud.lambda_.Invoke(FunctionName=made.physical_id, Payload=b'{"a":1}')
    assert json.loads(answer["Payload"]) == {"a": 1}
    found = await cloud.lambda_.GetFunction(FunctionName=made.physical_id)
    assert found["Configuration"]["MemorySize"] == 256
    assert found["Tags"] == STACK_TAGS


async def test_a_step_that_runs_again_takes_its_function_as_its_own_and_finishes_it(cloud, context, properties):
    await of("Function").create(context, properties)
    again = await of("Function").create(context, {**properties, "ReservedConcurrentExecutions": 3})
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName=again.physical_id) == {
        "ReservedConcurrentExecutions": 3
    }


async def test_a_function_of_somebody_else_is_not_taken(cloud, context, properties, make):
    await make("taken")
    with pytest.raises(AwsError, match="Function already exist: taken"):
        await of("Function").create(context, {**properties, "FunctionName": "taken"})


async def test_an_update_changes_what_differs_and_resets_what_left_the_template(cloud, context, properties):
    old = {
        **properties,
        "Timeout": 9,
        "Environment": {"Variables": {"KEY": "1"}},
        "ReservedConcurrentExecutions": 5,
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    name = (await of("Function").create(context, old)).physical_id
    new = {**properties, "Code": {"ZipFile": ECHO + "# changed\n"}, "MemorySize": 512}
    updated = await of("Function").update(context, name, old, new)
    found = await configuration(cloud, name)
    assert (found["Timeout"], found["MemorySize"], found.get("Environment")) == (3, 512, None)
    assert found["LastUpdateStatus"] == "Successful"
    assert updated.attributes["Arn"] == found["FunctionArn"]
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName=name) == {}
    assert (await cloud.lambda_.ListTags(Resource=found["FunctionArn"]))["Tags"] == STACK_TAGS


async def test_a_function_is_read_and_deleted_twice(cloud, context, properties):
    name = (await of("Function").create(context, {**properties, "Timeout": 9})).physical_id
    read = await of("Function").read(context, name)
    assert (read["Timeout"], read["Runtime"], "Tags" in read) == (9, "python3.11", False)
    await of("Function").delete(context, name, properties)
    await of("Function").delete(context, name, properties)
    with pytest.raises(Gone):
        await of("Function").read(context, name)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}}, "VpcConfig"),
        ({"RecursiveLoop": "Terminate"}, "RecursiveLoop"),
        ({"PackageType": "Image"}, "PackageType"),
        ({"Code": {"ImageUri": "a:b"}}, "Code.ImageUri"),
        ({"Color": "blue"}, "unsupported property Color"),
    ],
)
async def test_a_property_that_is_not_honoured_fails_by_name(properties, wrong, text):
    with pytest.raises(InvalidProperty, match=text):
        of("Function").coerced({**properties, **wrong})


def test_values_that_ask_for_what_happens_anyway_pass(properties):
    harmless = {"PackageType": "Zip", "SnapStart": {"ApplyOn": "None"}, "VpcConfig": {}}
    assert of("Function").coerced({**properties, **harmless}) == properties


@pytest.mark.parametrize(
    ("source", "runtime", "names"),
    [
        ("x = 1\n", "python3.12", ["index.py"]),
        ("import cfnresponse\n", "python3.12", ["index.py", "cfnresponse.py"]),
        ("exports.handler = 1", "nodejs20.x", ["index.js"]),
        ("const r = require('cfn-response');", "nodejs20.x", ["index.js", "node_modules/cfn-response/index.js"]),
    ],
)
def test_code_in_a_template_brings_the_response_module_only_where_it_is_used(source, runtime, names):
    data = package(source, runtime)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert set(names) <= set(archive.namelist())
        assert ("cfn" in " ".join(archive.namelist())) == (len(names) > 1)
        assert archive.read(names[0]).decode() == source
    assert package(source, runtime) == data


async def test_versions_and_aliases_as_sam_makes_them(cloud, context, properties):
    name = (await of("Function").create(context, properties)).physical_id
    version = await of("Version").create(context, {"FunctionName": name})
    assert version.physical_id.endswith(f":function:{name}:1")
    assert version.attributes["Version"] == "1"
    assert (await of("Version").create(context, {"FunctionName": name})).physical_id == version.physical_id

    wanted = {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}
    alias = await of("Alias").create(context, wanted)
    assert alias.physical_id.endswith(f":function:{name}:live")
    assert (await of("Alias").create(context, wanted)).physical_id == alias.physical_id
    with pytest.raises(AwsError, match="already exists"):
        await of("Alias").create(context, {**wanted, "FunctionVersion": "$LATEST"})

    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName=name, Timeout=4)
    second = await of("Version").create(context, {"FunctionName": name})
    weighted = {"AdditionalVersionWeights": [{"FunctionVersion": "2", "FunctionWeight": 0.1}]}
    await of("Alias").update(context, alias.physical_id, wanted, {**wanted, "RoutingConfig": weighted})
    assert (await of("Alias").read(context, alias.physical_id))["RoutingConfig"] == weighted
    await of("Alias").update(context, alias.physical_id, {**wanted, "RoutingConfig": weighted}, wanted)
    assert "RoutingConfig" not in await of("Alias").read(context, alias.physical_id)
    await of("Version").delete(context, second.physical_id, {"FunctionName": name})
    await of("Alias").delete(context, alias.physical_id, wanted)
    await of("Alias").delete(context, alias.physical_id, wanted)


async def test_permissions_come_once_and_go(cloud, context, make):
    await make("echo")
    wanted = {"FunctionName": "echo", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    made = await of("Permission").create(context, wanted)
    assert (await of("Permission").create(context, wanted)).physical_id == made.physical_id
    policy = json.loads((await cloud.lambda_.GetPolicy(FunctionName="echo"))["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == [made.physical_id]
    await of("Permission").delete(context, made.physical_id, wanted)
    await of("Permission").delete(context, made.physical_id, wanted)
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        await cloud.lambda_.GetPolicy(FunctionName="echo")


async def test_layer_versions_with_their_permissions(cloud, context):
    await cloud.s3.CreateBucket(Bucket="packages")
    await cloud.s3.PutObject(Bucket="packages", Key="layer.zip", Body=zipped())
    content = {"Content": {"S3Bucket": "packages", "S3Key": "layer.zip"}, "LayerName": "tools"}
    layer = await of("LayerVersion").create(context, content)
    assert layer.physical_id.endswith(":layer:tools:1")
    wanted = {"LayerVersionArn": layer.physical_id, "Action": "lambda:GetLayerVersion", "Principal": "*"}
    permission = await of("LayerVersionPermission").create(context, wanted)
    assert (await of("LayerVersionPermission").create(context, wanted)).physical_id == permission.physical_id
    await of("LayerVersionPermission").delete(context, permission.physical_id, wanted)
    await of("LayerVersionPermission").delete(context, permission.physical_id, wanted)
    await of("LayerVersion").delete(context, layer.physical_id, content)
    with pytest.raises(Gone):
        await of("LayerVersion").read(context, layer.physical_id)


async def test_event_invoke_configurations(cloud, context, make):
    await make("echo")
    where = {"FunctionName": "echo", "Qualifier": "$LATEST"}
    made = await of("EventInvokeConfig").create(context, {**where, "MaximumRetryAttempts": 1})
    await of("EventInvokeConfig").update(context, made.physical_id, where, {**where, "MaximumEventAgeInSeconds": 60})
    found = await cloud.lambda_.GetFunctionEventInvokeConfig(**where)
    assert (found.get("MaximumRetryAttempts"), found["MaximumEventAgeInSeconds"]) == (None, 60)
    await of("EventInvokeConfig").delete(context, made.physical_id, where)
    await of("EventInvokeConfig").delete(context, made.physical_id, where)


PYTHON_ANSWERS = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"V": event["RequestType"]}, "my-id")
"""

NODE_ANSWERS = """
const response = require('cfn-response');
exports.handler = (event, context) => {
  response.send(event, context, response.SUCCESS, { V: event.RequestType }, 'my-id');
};
"""


@pytest.mark.parametrize(
    ("source", "runtime"),
    [
        (PYTHON_ANSWERS, "python3.12"),
        pytest.param(
            NODE_ANSWERS, "nodejs20.x", marks=pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
        ),
    ],
)
async def test_the_response_module_answers_a_custom_resource(cloud, context, properties, source, runtime):
    answers = []

    async def take(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
        answers.append((head.split(b" ", 2)[:2], json.loads(await reader.readexactly(length))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    wanted = {**properties, "Code": {"ZipFile": source}, "Runtime": runtime, "Timeout": 20}
    name = (await of("Function").create(context, wanted)).physical_id
    event = {"RequestType": "Create", "StackId": "s", "RequestId": "r", "LogicalResourceId": "L"}
    event["ResponseURL"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/answer?x=1"
    answer = await cloud.lambda_.Invoke(FunctionName=name, Payload=json.dumps(event).encode())
    server.close()
    assert "FunctionError" not in answer
    ((line, body),) = answers
    assert line == [b"PUT", b"/answer?x=1"]
    assert body.pop("Reason").startswith("See the details in CloudWatch Log Stream: 2026/01/01/[$LATEST]")
    assert body == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "my-id",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "L",
        "NoEcho": False,
        "Data": {"V": "Create"},
    }

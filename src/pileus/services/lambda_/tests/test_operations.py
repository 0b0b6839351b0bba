"""Operations as callers see them; nothing here starts a sandbox."""

import io
import json
import zipfile

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest
from pileus.kernel.principal import root, service, user
from pileus.services.lambda_ import code
from pileus.services.lambda_.tests.material import TRUST, allow, zipped


async def refused(call, code_wanted, *texts):
    with pytest.raises(AwsError) as caught:
        await call
    assert caught.value.code == code_wanted, caught.value
    for text in texts:
        assert text in caught.value.message
    return caught.value


async def test_a_function_is_created_pending_and_becomes_active(cloud, make):
    made = await make("echo", Timeout=5, Description="says it back", Environment={"Variables": {"KEY": "1"}})
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert made["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:echo"
    found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo")
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
    assert (found["Timeout"], found["MemorySize"], found["Environment"]) == (5, 128, {"Variables": {"KEY": "1"}})
    assert found["CodeSize"] == len(zipped())


async def test_a_name_is_taken_once(cloud, make):
    await make("echo")
    await refused(make("echo"), "ResourceConflictException", "Function already exist: echo")


@pytest.mark.parametrize(
    "name",
    ["echo", "000000000000:function:echo", "arn:aws:lambda:us-east-1:000000000000:function:echo", "echo:$LATEST"],
)
async def test_every_form_of_the_name_finds_the_function(cloud, make, name):
    await make("echo")
    assert (await cloud.lambda_.GetFunctionConfiguration(FunctionName=name))["FunctionName"] == "echo"


async def test_what_is_not_there_is_said_with_its_arn(cloud):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:nope"
    await refused(
        cloud.lambda_.GetFunction(FunctionName="nope"), "ResourceNotFoundException", f"Function not found: {arn}"
    )
    error = await refused(
        cloud.lambda_.GetFunction(FunctionName=arn.replace("us-east-1", "eu-west-1")), "ResourceNotFoundException"
    )
    assert "not reachable in this region" in error.message


async def test_qualifiers_that_disagree_are_refused(cloud, make):
    await make("echo")
    await refused(
        cloud.lambda_.GetFunction(FunctionName="echo:1", Qualifier="2"),
        "InvalidParameterValueException",
        "does not match the specified qualifier",
    )


async def test_a_role_that_lambda_may_not_assume_is_refused(cloud, make):
    trust = TRUST.replace("lambda.", "ec2.")
    other = await cloud.iam.CreateRole(RoleName="for-machines", AssumeRolePolicyDocument=trust)
    for arn in (other["Role"]["Arn"], "arn:aws:iam::000000000000:role/nobody"):
        await refused(make(Role=arn), "InvalidParameterValueException", "cannot be assumed by Lambda")
    await refused(make(Role="arn:aws:iam::111111111111:role/theirs"), "AccessDeniedException", "Cross-account")


@pytest.mark.parametrize(
    ("settings", "code_wanted", "text"),
    [
        ({"Runtime": "java21"}, "NotImplemented", "java21"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "NotImplemented", "VpcConfig"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "NotImplemented", "SnapStart"),
        ({"PackageType": "Image"}, "NotImplemented", "PackageType"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "NotImplemented", "LogFormat JSON"),
        ({"Code": {"ImageUri": "a/b:1"}}, "NotImplemented", "ImageUri"),
        ({"Runtime": "cobol85"}, "InvalidParameterValueException", "Value 'cobol85' at 'runtime' failed to satisfy"),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"MemorySize": 10_241}, "ValidationException", "less than or equal to 10240"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {}}, "InvalidParameterValueException", "provide a source for function code"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]}, "InvalidParameterValueException", "exist"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::b"}}, "InvalidParameterValueException", "TargetArn"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sns:us-east-1:000000000000:t"}}, "NotImplemented", "sns"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(cloud, make, settings, code_wanted, text):
    await refused(make(**settings), code_wanted, text)
    assert (await cloud.lambda_.ListFunctions())["Functions"] == []


async def test_the_environment_has_four_kilobytes(cloud, make):
    room = 4096 - len('{"KEY":""}')
    await refused(
        make(Environment={"Variables": {"KEY": "x" * (room + 1)}}), "InvalidParameterValueException", "4KB limit"
    )
    await make(Environment={"Variables": {"KEY": "x" * room}})


async def test_a_refused_zip_leaves_no_files(cloud, make):
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("../outside.py", "")
    await refused(make(Code={"ZipFile": hostile.getvalue()}), "InvalidParameterValueException")
    packages = cloud.pileus.engines["lambda"].engine.packages.folder
    assert not packages.exists() or not any(packages.iterdir())


async def test_code_comes_from_s3_with_the_callers_permission(cloud, make):
    await cloud.s3.CreateBucket(Bucket="packages")
    await cloud.s3.PutObject(Bucket="packages", Key="echo.zip", Body=zipped())
    await make("echo", Code={"S3Bucket": "packages", "S3Key": "echo.zip"})
    found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo")
    assert found["CodeSize"] == len(zipped())
    await refused(
        make("other", Code={"S3Bucket": "packages", "S3Key": "nope.zip"}),
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchKey.",
    )


async def test_the_code_can_be_downloaded_for_ten_minutes(cloud, make):
    await make("echo")
    location = (await cloud.lambda_.GetFunction(FunctionName="echo"))["Code"]["Location"]
    path, _, query = location.removeprefix(cloud.pileus.endpoint).partition("?")

    async def get(query):
        return await code.download(cloud.pileus, HttpRequest("GET", path, query))

    assert (await get(query)).body == zipped()
    assert (await get(query.replace("signature=", "signature=0"))).status == 403
    cloud.clock.advance(ms=600_000)
    assert (await get(query)).status == 200
    cloud.clock.advance(ms=1)
    assert (await get(query)).status == 403


async def test_code_is_replaced_or_with_dry_run_only_checked(cloud, make):
    before = await make("echo")
    dry = await cloud.lambda_.UpdateFunctionCode(FunctionName="echo", ZipFile=zipped("x = 1\n"), DryRun=True)
    assert dry["CodeSha256"] == before["CodeSha256"]
    after = await cloud.lambda_.UpdateFunctionCode(FunctionName="echo", ZipFile=zipped("x = 1\n"))
    assert after["CodeSha256"] != before["CodeSha256"]
    assert after["LastUpdateStatus"] == "InProgress"
    await cloud.settle()
    found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo")
    assert (found["LastUpdateStatus"], found["CodeSha256"]) == ("Successful", after["CodeSha256"])


async def test_a_change_right_after_a_change_waits_for_it(cloud, make):
    await make("echo")
    await cloud.lambda_.UpdateFunctionCode(FunctionName="echo", ZipFile=zipped("x = 1\n"))
    changed = await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Timeout=9, Handler="index.other")
    assert (changed["Timeout"], changed["Handler"], changed["MemorySize"]) == (9, "index.other", 128)


async def test_functions_are_listed_by_name_in_pages_and_with_all_versions(cloud, make):
    for name in ("c", "a", "b"):
        await make(name)
    first = await cloud.lambda_.ListFunctions(MaxItems=2)
    assert [each["FunctionName"] for each in first["Functions"]] == ["a", "b"]
    assert "State" not in first["Functions"][0]
    rest = await cloud.lambda_.ListFunctions(MaxItems=2, Marker=first["NextMarker"])
    assert [each["FunctionName"] for each in rest["Functions"]] == ["c"]
    assert "NextMarker" not in rest
    await cloud.lambda_.PublishVersion(FunctionName="b")
    every = await cloud.lambda_.ListFunctions(FunctionVersion="ALL")
    assert [each["FunctionArn"].split(":", 6)[6] for each in every["Functions"]] == [
        "a:$LATEST",
        "b:$LATEST",
        "b:1",
        "c:$LATEST",
    ]


async def test_a_version_keeps_what_latest_was(cloud, make):
    await make("echo", Timeout=5)
    version = await cloud.lambda_.PublishVersion(FunctionName="echo", Description="first")
    assert (version["Version"], version["Description"]) == ("1", "first")
    assert version["FunctionArn"].endswith(":echo:1")
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Timeout=6)
    await cloud.settle()
    found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo", Qualifier="1")
    assert (found["Timeout"], found["State"]) == (5, "Active")
    listed = await cloud.lambda_.ListVersionsByFunction(FunctionName="echo")
    assert [each["Version"] for each in listed["Versions"]] == ["$LATEST", "1"]
    await refused(
        cloud.lambda_.PublishVersion(FunctionName="echo", CodeSha256="x"),
        "InvalidParameterValueException",
        "is different from current CodeSHA256",
    )


async def test_another_description_of_the_function_makes_another_version(cloud, make):
    """One that only PublishVersion names does not."""
    await make("echo")
    published = [(await cloud.lambda_.PublishVersion(FunctionName="echo", Description=text)) for text in ("a", "b")]
    assert [(each["Version"], each["Description"]) for each in published] == [("1", "a"), ("1", "a")]
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Description="changed")
    await cloud.settle()
    published = [(await cloud.lambda_.PublishVersion(FunctionName="echo")) for _ in range(2)]
    assert [(each["Version"], each["Description"]) for each in published] == [("2", "changed")] * 2


async def test_a_function_may_be_published_as_it_is_created_or_changed(cloud, make):
    made = await make("echo", Publish=True)
    assert (made["Version"], made["FunctionArn"].rpartition(":")[2]) == ("1", "1")
    changed = await cloud.lambda_.UpdateFunctionCode(FunctionName="echo", ZipFile=zipped("x = 1\n"), Publish=True)
    assert changed["Version"] == "2"
    await cloud.settle()
    for qualifier in ("$LATEST", "1", "2"):
        found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo", Qualifier=qualifier)
        assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")


async def test_aliases_are_made_changed_listed_and_deleted(cloud, make):
    await make("echo")
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    made = await cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="1")
    assert made["AliasArn"].endswith(":function:echo:live")
    await refused(
        cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="1"), "ResourceConflictException"
    )
    await refused(
        cloud.lambda_.CreateAlias(FunctionName="echo", Name="next", FunctionVersion="7"), "ResourceNotFoundException"
    )
    changed = await cloud.lambda_.UpdateAlias(FunctionName="echo", Name="live", Description="d")
    assert (changed["FunctionVersion"], changed["Description"]) == ("1", "d")
    found = await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo", Qualifier="live")
    assert (found["Version"], found["FunctionArn"]) == ("1", made["AliasArn"])
    assert len((await cloud.lambda_.ListAliases(FunctionName="echo", FunctionVersion="1"))["Aliases"]) == 1
    await cloud.lambda_.DeleteAlias(FunctionName="echo", Name="live")
    await refused(cloud.lambda_.GetAlias(FunctionName="echo", Name="live"), "ResourceNotFoundException", "alias arn")


async def test_deleted_functions_and_versions_are_gone(cloud, make):
    await make("echo")
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.lambda_.DeleteFunction(FunctionName="echo", Qualifier="1")
    await refused(cloud.lambda_.GetFunction(FunctionName="echo:1"), "ResourceNotFoundException")
    await refused(
        cloud.lambda_.DeleteFunction(FunctionName="echo:$LATEST"), "InvalidParameterValueException", "$LATEST"
    )
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await refused(cloud.lambda_.DeleteFunction(FunctionName="echo"), "ResourceNotFoundException")


@pytest.mark.parametrize("label", ["0", "01", "9" * 30])
async def test_a_version_is_called_by_its_number_only(cloud, make, label):
    """0 is where $LATEST is kept, and no name of it: deleting it would leave a function without."""
    await make("echo")
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await refused(cloud.lambda_.GetFunction(FunctionName="echo", Qualifier=label), "ResourceNotFoundException")
    await refused(
        cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion=label), "ResourceNotFoundException"
    )
    await cloud.lambda_.DeleteFunction(FunctionName="echo", Qualifier=label)
    listed = await cloud.lambda_.ListVersionsByFunction(FunctionName="echo")
    assert [each["Version"] for each in listed["Versions"]] == ["$LATEST", "1"]


async def test_a_layer_version_far_beyond_any_is_not_there(cloud, make):
    layer = "arn:aws:lambda:us-east-1:000000000000:layer:tools:" + "9" * 40
    await refused(make("echo", Layers=[layer]), "InvalidParameterValueException", "does not exist")


async def test_unpacked_code_goes_when_no_invocation_can_run_on_it_any_more(cloud, make):
    await make("echo")
    packages = cloud.pileus.engines["lambda"].engine.packages.folder
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await cloud.advance(959_999)
    assert any(packages.iterdir())
    await cloud.advance(1)
    assert not any(packages.iterdir())


async def test_tags_are_set_removed_and_listed(cloud, make):
    arn = (await make("echo", Tags={"a": "1"}))["FunctionArn"]
    await cloud.lambda_.TagResource(Resource=arn, Tags={"b": "2"})
    await cloud.lambda_.UntagResource(Resource=arn, TagKeys=["a"])
    assert (await cloud.lambda_.ListTags(Resource=arn))["Tags"] == {"b": "2"}


async def test_account_settings_count_what_is_used(cloud, make):
    await make("echo")
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=40)
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName="echo") == {"ReservedConcurrentExecutions": 40}
    found = await cloud.lambda_.GetAccountSettings()
    assert found["AccountLimit"]["UnreservedConcurrentExecutions"] == 960
    assert found["AccountUsage"] == {"TotalCodeSize": len(zipped()), "FunctionCount": 1}
    await cloud.lambda_.DeleteFunctionConcurrency(FunctionName="echo")
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName="echo") == {}


async def test_tools_that_ask_for_absent_features_get_their_truth(cloud, make):
    await make("echo")
    await refused(cloud.lambda_.GetFunctionUrlConfig(FunctionName="echo"), "ResourceNotFoundException")
    assert (await cloud.lambda_.ListEventSourceMappings(FunctionName="echo"))["EventSourceMappings"] == []
    await refused(
        cloud.lambda_.CreateFunctionUrlConfig(FunctionName="echo", AuthType="NONE"), "NotImplemented", "UrlConfig"
    )


# Permissions


async def test_a_permission_is_a_statement_of_the_functions_policy(cloud, make):
    arn = (await make("echo"))["FunctionArn"]
    added = await cloud.lambda_.AddPermission(
        FunctionName="echo",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::uploads",
        SourceAccount="000000000000",
    )
    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::uploads"},
        },
    }
    assert json.loads(added["Statement"]) == statement
    policy = await cloud.lambda_.GetPolicy(FunctionName="echo")
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    again = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "*"}
    await refused(
        cloud.lambda_.AddPermission(FunctionName="echo", **again), "ResourceConflictException", "already exists"
    )
    await refused(
        cloud.lambda_.RemovePermission(FunctionName="echo", StatementId="s3", RevisionId="old"),
        "PreconditionFailedException",
    )
    await cloud.lambda_.RemovePermission(FunctionName="echo", StatementId="s3", RevisionId=policy["RevisionId"])
    await refused(cloud.lambda_.GetPolicy(FunctionName="echo"), "ResourceNotFoundException")


async def test_a_principal_has_to_be_one(cloud, make):
    await make("echo")
    wrong = {"StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "nobody"}
    await refused(
        cloud.lambda_.AddPermission(FunctionName="echo", **wrong),
        "InvalidParameterValueException",
        "principal was invalid",
    )


async def test_a_permission_is_for_an_action_that_there_is(cloud, make):
    await make("echo")
    grant = {"FunctionName": "echo", "Principal": "s3.amazonaws.com"}
    for number, action in enumerate(("lambda:Foo", "lambda:Invoke", "lambda:invokefoo")):
        await refused(
            cloud.lambda_.AddPermission(StatementId=str(number), Action=action, **grant),
            "InvalidParameterValueException",
            f"The provided action {action} was invalid",
        )
    for number, action in enumerate(("lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:*", "*")):
        await cloud.lambda_.AddPermission(StatementId=str(number), Action=action, **grant)


async def test_how_a_url_authenticates_is_of_invocations_through_it_only(cloud, make):
    await make("echo")
    grant = {"FunctionName": "echo", "StatementId": "a", "Principal": "*", "FunctionUrlAuthType": "NONE"}
    await refused(
        cloud.lambda_.AddPermission(Action="lambda:InvokeFunction", **grant),
        "InvalidParameterValueException",
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    )
    await cloud.lambda_.AddPermission(Action="lambda:InvokeFunctionUrl", **grant)


async def test_a_permission_can_not_be_given_to_a_role_that_is_not_there(cloud, make):
    await make("echo")
    caller = {
        "StatementId": "a",
        "Action": "lambda:InvokeFunction",
        "Principal": f"arn:aws:iam::{cloud.account}:user/a",
    }
    words = "The provided principal was invalid. Please check the principal and try again."
    await refused(cloud.lambda_.AddPermission(FunctionName="echo", **caller), "InvalidParameterValueException", words)
    await cloud.iam.CreateUser(UserName="a")
    await cloud.lambda_.AddPermission(FunctionName="echo", **caller)


async def test_a_service_invokes_only_for_the_source_that_the_policy_names(cloud, make):
    arn = (await make("echo"))["FunctionArn"]
    await cloud.lambda_.AddPermission(
        FunctionName="echo",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::uploads",
    )

    async def dry_run(source_arn, name="s3.amazonaws.com", function=arn):
        call = cloud.pileus.call("lambda", "Invoke", principal=service(name), source_arn=source_arn)
        return await cloud.pileus.invoke(call, {"FunctionName": function, "InvocationType": "DryRun"})

    assert (await dry_run("arn:aws:s3:::uploads"))["StatusCode"] == 204
    for attempt in (
        dry_run("arn:aws:s3:::others"),
        dry_run("arn:aws:s3:::uploads", name="sns.amazonaws.com"),
        dry_run("arn:aws:s3:::uploads", function=f"{arn}:$LATEST"),
    ):
        error = await refused(attempt, "AccessDenied")
        assert "lambda:InvokeFunction" in error.message


async def test_an_alias_has_a_policy_of_its_own(cloud, make):
    await make("echo")
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="1")
    grant = {"StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "111111111111"}
    await cloud.lambda_.AddPermission(FunctionName="echo", Qualifier="live", **grant)
    other = cloud.as_(root("111111111111"), "lambda")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:echo"
    await other.Invoke(FunctionName=f"{arn}:live", InvocationType="DryRun")
    await refused(other.Invoke(FunctionName=arn, InvocationType="DryRun"), "AccessDenied")
    await refused(
        cloud.lambda_.AddPermission(FunctionName="echo", Qualifier="$LATEST", **grant),
        "InvalidParameterValueException",
        "$LATEST",
    )


async def test_creating_a_function_needs_the_right_to_pass_its_role(cloud, role):
    made = await cloud.iam.CreateUser(UserName="developer")
    await cloud.iam.PutUserPolicy(UserName="developer", PolicyName="p", PolicyDocument=allow("lambda:CreateFunction"))
    developer = cloud.as_(user("000000000000", "developer", made["User"]["UserId"]), "lambda")
    request = {
        "FunctionName": "echo",
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": zipped()},
    }
    error = await refused(developer.CreateFunction(**request), "AccessDenied")
    assert "iam:PassRole" in error.message
    await cloud.iam.PutUserPolicy(
        UserName="developer", PolicyName="p", PolicyDocument=allow("lambda:CreateFunction", "iam:PassRole")
    )
    assert (await developer.CreateFunction(**request))["FunctionName"] == "echo"


# Layers


async def test_layer_versions_count_up_and_are_used_by_their_arn(cloud, make):
    published = [
        await cloud.lambda_.PublishLayerVersion(
            LayerName="tools",
            Content={"ZipFile": zipped(f"v = {n}\n", "python/tools.py")},
            CompatibleRuntimes=["python3.11"],
        )
        for n in (1, 2)
    ]
    assert [each["Version"] for each in published] == [1, 2]
    arn = published[1]["LayerVersionArn"]
    assert arn == "arn:aws:lambda:us-east-1:000000000000:layer:tools:2"
    listed = await cloud.lambda_.ListLayerVersions(LayerName="tools", MaxItems=1)
    assert [each["Version"] for each in listed["LayerVersions"]] == [2]
    rest = await cloud.lambda_.ListLayerVersions(LayerName="tools", Marker=listed["NextMarker"])
    assert [each["Version"] for each in rest["LayerVersions"]] == [1]
    assert (await cloud.lambda_.ListLayers(CompatibleRuntime="nodejs20.x"))["Layers"] == []
    assert (await cloud.lambda_.GetLayerVersionByArn(Arn=arn))["Content"]["CodeSize"] > 0

    made = await make("echo", Layers=[arn])
    assert [each["Arn"] for each in made["Layers"]] == [arn]
    await cloud.lambda_.DeleteLayerVersion(LayerName="tools", VersionNumber=2)
    await refused(make("late", Layers=[arn]), "InvalidParameterValueException", "does not exist")
    # The function has it still, and so has what is published from it.
    assert (await cloud.lambda_.PublishVersion(FunctionName="echo"))["Layers"] == made["Layers"]
    third = await cloud.lambda_.PublishLayerVersion(LayerName="tools", Content={"ZipFile": zipped()})
    assert third["Version"] == 3


async def test_two_versions_of_a_layer_do_not_fit_one_function(cloud, make):
    arns = [
        (await cloud.lambda_.PublishLayerVersion(LayerName="tools", Content={"ZipFile": zipped()}))["LayerVersionArn"]
        for _ in range(2)
    ]
    await refused(make(Layers=arns), "InvalidParameterValueException", "Two different versions of the same layer")


async def test_another_account_uses_a_layer_that_lets_it(cloud, make):
    await cloud.lambda_.PublishLayerVersion(LayerName="tools", Content={"ZipFile": zipped()})
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:tools:1"
    other = cloud.as_(root("111111111111"), "lambda")
    await refused(other.GetLayerVersionByArn(Arn=arn), "AccessDenied")
    await cloud.lambda_.AddLayerVersionPermission(
        LayerName="tools",
        VersionNumber=1,
        StatementId="them",
        Action="lambda:GetLayerVersion",
        Principal="111111111111",
    )
    assert (await other.GetLayerVersionByArn(Arn=arn))["Version"] == 1
    policy = await cloud.lambda_.GetLayerVersionPolicy(LayerName="tools", VersionNumber=1)
    assert json.loads(policy["Policy"])["Statement"][0]["Sid"] == "them"
    await cloud.lambda_.RemoveLayerVersionPermission(LayerName="tools", VersionNumber=1, StatementId="them")
    await refused(other.GetLayerVersionByArn(Arn=arn), "AccessDenied")


# Configuration of asynchronous invocations


async def test_records_can_go_only_to_services_that_are_there(cloud, make):
    await make("echo")
    topic = "arn:aws:sns:us-east-1:000000000000:results"
    if cloud.pileus.registry.get("sns") is not None:
        pytest.skip("sns is there")
    await refused(
        cloud.lambda_.PutFunctionEventInvokeConfig(
            FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": topic}}
        ),
        "NotImplemented",
        "sns",
    )
    assert (await cloud.lambda_.ListFunctionEventInvokeConfigs(FunctionName="echo"))["FunctionEventInvokeConfigs"] == []


@pytest.mark.parametrize("operation", ["PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"])
async def test_a_configuration_of_nothing_is_refused(cloud, make, operation):
    await make("echo")
    configure = getattr(cloud.lambda_, operation)
    await refused(configure(FunctionName="echo"), "InvalidParameterValueException", "You must specify at least one of")
    await cloud.lambda_.PutFunctionEventInvokeConfig(FunctionName="echo", MaximumRetryAttempts=0)


async def test_how_events_are_retried_is_put_changed_and_taken_back(cloud, make):
    await make("echo")
    queue = "arn:aws:sqs:us-east-1:000000000000:failures"
    put = await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    assert put["FunctionArn"].endswith(":echo:$LATEST")
    changed = await cloud.lambda_.UpdateFunctionEventInvokeConfig(FunctionName="echo", MaximumEventAgeInSeconds=60)
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (0, 60)
    assert changed["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    listed = await cloud.lambda_.ListFunctionEventInvokeConfigs(FunctionName="echo")
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    await cloud.lambda_.DeleteFunctionEventInvokeConfig(FunctionName="echo")
    await refused(
        cloud.lambda_.GetFunctionEventInvokeConfig(FunctionName="echo"),
        "ResourceNotFoundException",
        "doesn't have an EventInvokeConfig",
    )


@pytest.mark.parametrize(
    ("payload", "code_wanted", "text"),
    [
        (b"{not json", "InvalidRequestContentException", "Could not parse request body into json"),
        (b"NaN", "InvalidRequestContentException", "Could not parse request body into json"),
        (b'"' + b"x" * 6_291_455 + b'"', "RequestTooLargeException", "6291456"),
    ],
)
async def test_an_event_has_to_be_json_of_six_megabytes_at_most(cloud, make, payload, code_wanted, text):
    await make("echo")
    await refused(cloud.lambda_.Invoke(FunctionName="echo", Payload=payload), code_wanted, text)


async def test_an_asynchronous_event_has_one_megabyte(cloud, make):
    await make("echo")
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    event = {"FunctionName": "echo", "InvocationType": "Event"}
    await refused(cloud.lambda_.Invoke(**event, Payload=b'"' + b"x" * 1_048_575 + b'"'), "RequestTooLargeException")
    assert (await cloud.lambda_.Invoke(**event, Payload=b'"' + b"x" * 1_048_574 + b'"'))["StatusCode"] == 202


async def test_zero_reserved_concurrency_stops_a_function(cloud, make):
    await make("echo")
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    error = await refused(cloud.lambda_.Invoke(FunctionName="echo"), "TooManyRequestsException", "Rate Exceeded.")
    assert error.fields["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"

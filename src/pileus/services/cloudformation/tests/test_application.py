"""The first application's template, whole, with the types that the services bring."""

import io
import zipfile
from pathlib import Path

from pileus.services.cloudformation.tests.conftest import status_of

APP = Path(__file__).parents[5] / "apps" / "difference_checker"
AT_MOST_MS = 60_000


def package() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in sorted((APP / "src").glob("*.py")):
            archive.write(path, path.name)
    return data.getvalue()


async def test_the_difference_checker_deploys_and_goes(cloud):
    await cloud.s3.CreateBucket(Bucket="artefacts")
    await cloud.s3.PutObject(Bucket="artefacts", Key="code.zip", Body=package())
    template = (APP / "template.yaml").read_text().replace("CodeUri: src/", "CodeUri: s3://artefacts/code.zip")
    await cloud.cloudformation.CreateChangeSet(
        StackName="shop",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM"],
    )
    await cloud.settle()
    seen = await cloud.cloudformation.DescribeChangeSet(StackName="shop", ChangeSetName="first")
    assert seen["Status"] == "CREATE_COMPLETE", seen.get("StatusReason")
    assert sorted(change["ResourceChange"]["LogicalResourceId"] for change in seen["Changes"]) == [
        "CheckerFunction",
        "CheckerFunctionJsonUploadPermission",
        "CheckerFunctionRole",
        "CheckerFunctionTextUploadPermission",
        "SourceBucket",
    ]
    await cloud.cloudformation.ExecuteChangeSet(StackName="shop", ChangeSetName="first")
    await cloud.settle()
    await cloud.advance(AT_MOST_MS)
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    assert await status_of(cloud) == "CREATE_COMPLETE", failed
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    function = await cloud.lambda_.GetFunctionConfiguration(FunctionName=outputs["FunctionName"])
    assert function["Environment"]["Variables"] == {"KEEP_VERSIONS": "3"}
    versioning = await cloud.s3.GetBucketVersioning(Bucket=outputs["BucketName"])
    assert versioning["Status"] == "Enabled"

    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    await cloud.advance(AT_MOST_MS)
    assert await status_of(cloud, stack["StackId"]) == "DELETE_COMPLETE"
    assert (await cloud.lambda_.ListFunctions())["Functions"] == []
    assert [bucket["Name"] for bucket in (await cloud.s3.ListBuckets())["Buckets"]] == ["artefacts"]

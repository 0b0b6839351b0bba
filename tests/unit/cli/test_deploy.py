"""`pileus deploy` packages the local code that a template names."""

import io
import zipfile
from pathlib import Path

import pytest
import yaml

from pileus.cli.deploy import Deployer, DeployFailed


class Bucket:
    """As much of S3, and of STS, as packaging asks for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_caller_identity(self) -> dict:
        return {"Account": "000000000000"}

    def head_bucket(self, Bucket: str) -> None:
        pass

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[f"s3://{Bucket}/{Key}"] = Body


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def packaged(bucket: Bucket, tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context): pass")

    def package(template: str) -> dict:
        (tmp_path / "template.yaml").write_text(template)
        return yaml.safe_load(Deployer(lambda service: bucket, "us-east-1").packaged(tmp_path / "template.yaml"))

    return package


def names_in(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_a_functions_code_is_uploaded_and_named(packaged, bucket):
    document = packaged("Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src/}}}")
    uri = document["Resources"]["F"]["Properties"]["CodeUri"]
    assert names_in(bucket.objects[uri]) == ["app.py"]


def test_code_that_globals_name_is_uploaded_and_named_there(packaged, bucket):
    document = packaged("Globals: {Function: {CodeUri: src/}}\nResources: {F: {Type: AWS::Serverless::Function}}")
    assert names_in(bucket.objects[document["Globals"]["Function"]["CodeUri"]]) == ["app.py"]


def test_globals_without_code_stay_as_they_are(packaged, bucket):
    document = packaged("Globals: {Function: {Timeout: 5}}\nResources: {F: {Type: AWS::Serverless::Function}}")
    assert document["Globals"] == {"Function": {"Timeout": 5}}
    assert bucket.objects == {}


def test_code_of_plain_lambda_is_named_by_bucket_and_key(packaged, bucket):
    document = packaged("Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: src}}}")
    code = document["Resources"]["F"]["Properties"]["Code"]
    assert f"s3://{code['S3Bucket']}/{code['S3Key']}" in bucket.objects


def test_code_in_s3_stays_there(packaged, bucket):
    packaged("Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://there/code.zip}}}")
    assert bucket.objects == {}


def test_code_with_dependencies_is_left_to_sam(packaged, tmp_path):
    (tmp_path / "src" / "requirements.txt").write_text("requests")
    with pytest.raises(DeployFailed, match="sam build"):
        packaged("Globals: {Function: {CodeUri: src/}}\nResources: {F: {Type: AWS::Serverless::Function}}")

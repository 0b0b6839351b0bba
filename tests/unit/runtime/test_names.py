"""Inside a function AWS's names lead to Pileus."""

import json

SOURCE = """
    import urllib.request
    import urllib3
    def handler(event, context):
        with urllib.request.urlopen(event["url"]) as answer:
            first = answer.read().decode()
        return [first, urllib3.PoolManager().request("GET", event["url"]).data.decode()]
"""


async def test_python_reaches_it_by_http_and_https(bench, pileus):
    spec = bench.function(SOURCE, endpoint_url=pileus, timeout_s=10, memory_mib=1024)
    for url, host in (
        ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", "abc123.execute-api.eu-west-1.amazonaws.com"),
        ("https://sqs.us-east-1.amazonaws.com/", "sqs.us-east-1.amazonaws.com"),
        ("http://s3.amazonaws.com/", "s3.amazonaws.com"),
    ):
        result = await bench.call(spec, json.dumps({"url": url}).encode())
        assert json.loads(result.payload) == [host, host]


async def test_other_names_are_left_alone(bench, pileus):
    source = """
        import socket
        def handler(event, context):
            return [socket.getaddrinfo("127.0.0.1", 443)[0][4], socket.getaddrinfo("sqs.us-east-1.amazonaws.com", 443)[0][4]]
    """
    plain, ours = json.loads((await bench.call(bench.function(source, endpoint_url=pileus))).payload)
    assert plain == ["127.0.0.1", 443]
    assert ours[0] == "127.0.0.1" and ours[1] != 443


async def test_boto3_without_an_endpoint_reaches_it(bench, pileus):
    source = """
        import boto3, os
        del os.environ["AWS_ENDPOINT_URL"]
        def handler(event, context):
            client = boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
            return client.get_object(Bucket="bucket", Key="key")["Body"].read().decode()
    """
    spec = bench.function(source, endpoint_url=pileus, timeout_s=20, memory_mib=1024)
    assert json.loads((await bench.call(spec)).payload) == "bucket.s3.amazonaws.com"


async def test_the_authority_is_made_once_and_kept_from_others(bench):
    await bench.engine.names.ca_bundle()
    folder = bench.engine.names.authority.folder
    first = (folder / "ca.pem").read_bytes()
    assert (folder / "ca.key").stat().st_mode & 0o077 == 0
    bench.engine.names.authority.prepare()
    assert (folder / "ca.pem").read_bytes() == first
    assert first in (folder / "ca-bundle.pem").read_bytes()

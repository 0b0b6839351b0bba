"""What botocore sends we read as it was meant, and what we send botocore reads so, for random values of real shapes."""

import re
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus.kernel.http import Body, HttpRequest
from pileus.protocol import models
from pileus.protocol.json import dumps, loads

OPERATIONS = [
    ("sqs", "SendMessage"),
    ("sqs", "SendMessageBatch"),
    ("sqs", "ReceiveMessage"),
    ("s3", "PutBucketLifecycleConfiguration"),
    ("s3", "GetBucketLifecycleConfiguration"),
    ("s3", "ListObjectsV2"),
    ("s3", "ListParts"),
    ("s3", "DeleteObjects"),
    ("s3", "PutBucketNotificationConfiguration"),
    ("s3", "GetBucketNotificationConfiguration"),
    ("s3", "CompleteMultipartUpload"),
    ("s3", "HeadObject"),
    ("lambda", "CreateFunction"),
    ("lambda", "ListFunctions"),
    ("lambda", "CreateEventSourceMapping"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "BatchWriteItem"),
    ("dynamodb", "DescribeTable"),
    ("iam", "CreateRole"),
    ("iam", "SimulateCustomPolicy"),
    ("iam", "ListRoles"),
    ("cloudformation", "CreateStack"),
    ("cloudformation", "DescribeStacks"),
    ("cloudformation", "CreateChangeSet"),
    ("logs", "PutLogEvents"),
    ("logs", "FilterLogEvents"),
    ("sts", "AssumeRole"),
    ("events", "PutEvents"),
    ("events", "PutTargets"),
    ("cloudwatch", "PutMetricData"),
    ("cloudwatch", "GetMetricStatistics"),
    ("ec2", "RunInstances"),
    ("ec2", "DescribeSecurityGroups"),
    ("route53", "ChangeResourceRecordSets"),
    ("apigateway", "PutIntegration"),
]
SESSION = botocore.session.Session()
# What XML 1.0 can hold and a parser gives back as it was: no control characters, no lone or normalized line breaks.
TEXT = st.text(
    st.characters(codec="utf-8", min_codepoint=32, blacklist_characters="\x7f\x85\u2028\ufffe\uffff"), max_size=8
)
HEADER_TEXT = st.text("abcXYZ019-_.:/", min_size=1, max_size=8)
# Lower case, as the names of headers are told that some maps become.
KEY = st.text("abcxyz019-_", min_size=1, max_size=6)
SETTINGS = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=True,
)


def values(shape, depth: int = 0, *, in_header: bool = False):
    """Random values of a botocore shape. Lists and maps are not empty: query and XML write empty ones like none."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 4:
            return st.just(
                {name: _leaf(member) for name, member in shape.members.items() if name in shape.required_members}
            )
        fields = {
            name: values(member, depth + 1, in_header="location" in member.serialization)
            for name, member in shape.members.items()
            if not member.serialization.get("eventstream") and not member.serialization.get("streaming")
        }
        if getattr(shape, "is_tagged_union", False):
            return st.one_of([strategy.map(lambda v, n=name: {n: v}) for name, strategy in fields.items()])
        required = {name: fields[name] for name in shape.required_members if name in fields}
        optional = {name: strategy for name, strategy in fields.items() if name not in required}
        # Of the many optional members a handful at a time.
        return (
            st.sets(st.sampled_from(sorted(optional)), max_size=5).flatmap(
                lambda chosen: st.fixed_dictionaries(required | {name: optional[name] for name in chosen})
            )
            if optional
            else st.fixed_dictionaries(required)
        )
    if kind == "list":
        return st.lists(values(shape.member, depth + 1, in_header=in_header), min_size=1, max_size=2)
    if kind == "map":
        return st.dictionaries(KEY, values(shape.value, depth + 1, in_header=in_header), min_size=1, max_size=2)
    return _scalars(shape, in_header)


def _leaf(shape):
    kinds = {
        "string": "x",
        "integer": 1,
        "long": 1,
        "boolean": True,
        "double": 1.5,
        "float": 1.5,
        "blob": b"x",
        "list": [],
        "map": {},
        "structure": {},
    }
    return kinds.get(shape.type_name, datetime(2020, 1, 1, tzinfo=UTC))


def _scalars(shape, in_header: bool):
    kind = shape.type_name
    if kind == "string":
        return st.sampled_from(shape.enum) if getattr(shape, "enum", None) else HEADER_TEXT if in_header else TEXT
    return {
        "integer": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**53), 2**53),
        "boolean": st.booleans(),
        "double": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "blob": st.binary(max_size=8),
        "timestamp": st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    }[kind]


def model_of(service: str, operation: str, protocol: str):
    model = SESSION.get_service_model(service)
    return model, model.operation_model(operation), botocore.serialize.create_serializer(protocol, False)


def request_from(sent: dict) -> HttpRequest:
    """What botocore's HTTP layer makes of a serialized request."""
    split = urlsplit(sent["url_path"])
    asked = sent["query_string"]
    query = "&".join(filter(None, [split.query, asked if isinstance(asked, str) else urlencode(asked, doseq=True)]))
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    body = body.encode() if isinstance(body, str) else body
    headers = {name.lower(): str(value) for name, value in sent["headers"].items()}
    return HttpRequest(sent["method"], split.path, query, headers, Body(body))


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_we_read_what_botocore_sends(service: str, operation: str):
    op = models.load(service).operation(operation)
    protocol = op.api.protocols[0]
    _, shape, serializer = model_of(service, operation, protocol)
    if shape.input_shape is None:
        return

    @SETTINGS
    @given(values(shape.input_shape))
    def agrees(params: dict):
        request = request_from(serializer.serialize_to_request(params, shape))
        body = request.body._data
        read = op.parse(request, body)
        if op.api.overlay.opaque:  # what is in an opaque shape is read by its service, as it came
            params = loads(dumps(params))
        assert pruned(read) == pruned(params)
        op.violations(read)  # raises for a wrong type

    agrees()


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_botocore_reads_what_we_send(service: str, operation: str):
    op = models.load(service).operation(operation)
    protocol = op.api.protocols[0]
    _, shape, _ = model_of(service, operation, protocol)
    if shape.output_shape is None:
        assert op.serialize({}, "id").status in (200, 204)
        return
    parser = botocore.parsers.create_parser(protocol)

    @SETTINGS
    @given(values(shape.output_shape))
    def agrees(result: dict):
        response = op.serialize(result, "id")
        got = parser.parse(
            {"status_code": response.status, "headers": CaseInsensitive(response.headers), "body": response.body},
            shape.output_shape,
        )
        got.pop("ResponseMetadata")
        assert pruned(seconds(got)) == pruned(seconds(result))

    agrees()


class CaseInsensitive(dict):
    """Headers as botocore's HTTP layer hands them on."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in headers)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default=None):
        return super().get(name.lower(), default)


def seconds(value):
    if isinstance(value, dict):
        return {key: seconds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [seconds(inner) for inner in value]
    if isinstance(value, datetime):
        return value.timestamp()
    return re.sub(r"\s+", " ", value) if isinstance(value, str) else value


def pruned(value):
    """Without empty structures, lists and maps: query has no way to write them, and botocore adds an empty Metadata."""
    if isinstance(value, dict):
        kept = {key: pruned(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in ({}, [])}
    if isinstance(value, list):
        return [inner for inner in map(pruned, value) if inner not in ({}, [])]
    return value

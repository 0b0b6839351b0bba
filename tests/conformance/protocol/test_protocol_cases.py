"""botocore's own protocol cases, from the server's side: read what a client sent, write what a service answered."""

import base64
import io
import json
import math
import pathlib
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

import cbor2
import msgspec
import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, HttpRequest
from pileus.protocol import errors
from pileus.protocol.models import Api, Operation
from pileus.protocol.shapes import ServiceModel

HERE = pathlib.Path(__file__).parent
# Reason -> ids, per direction.
IGNORED = {
    direction: {case: reason for reason, ids in reasons.items() for case in ids}
    for direction, reasons in json.loads((HERE / "ignored.json").read_text()).items()
}


def cases(direction: str):
    for path in sorted((HERE / "cases" / direction).glob("*.json")):
        for suite in json.loads(path.read_text()):
            for case in suite["cases"]:
                # Some suites share an id; the case's place in its file tells them apart.
                yield pytest.param(
                    suite, case, id=f"{path.stem}-{case.get('id', 'case')}", marks=marks(direction, case)
                )


def marks(direction: str, case: dict) -> list:
    reason = IGNORED[direction].get(case["id"])
    return [pytest.mark.skip(reason=reason)] if reason else []


def operation_of(suite: dict, case: dict) -> Operation:
    given = {"name": "Op", **case["given"]}
    model = msgspec.convert(
        {"metadata": suite["metadata"], "operations": {given["name"]: given}, "shapes": suite["shapes"]}, ServiceModel
    )
    return Api("cases", model).operation(given["name"])


@pytest.mark.parametrize(("suite", "case"), list(cases("input")))
def test_reading_a_request_gives_its_params(suite: dict, case: dict):
    op = operation_of(suite, case)
    sent = case["serialized"]
    uri = urlsplit(sent["uri"])
    raw = sent.get("body", "")
    body = base64.b64decode(raw) if op.api.protocols[0] == "smithy-rpc-v2-cbor" else raw.encode()
    headers = {
        name.lower(): value for name, value in sent.get("headers", {}).items() if name.lower() != "content-encoding"
    }
    request = HttpRequest(sent["method"], uri.path, uri.query, headers, Body(body))

    params = op.parse(request, body)

    streamed = {name for name, value in params.items() if isinstance(value, Body)}
    for name in streamed:
        params[name] = body
    expected = expected_params(op, case["params"])
    assert normal(as_a_client_means(op, params, expected)) == expected
    if not streamed:
        op.violations(params)  # types are right: this would raise


def as_a_client_means(op: Operation, params: dict, expected: dict) -> dict:
    """Without what servers alone put in a map bound to the query string: the parameters of other members."""
    members = {} if op.input is None else op.shapes(op.api.protocols[0])[op.input.shape].members
    out = dict(params)
    for name, ref in members.items():
        if ref.location == "querystring" and name in params and isinstance(params[name], dict):
            said = expected.get(name, {})
            out[name] = {key: value for key, value in params[name].items() if key in said}
            if not out[name]:
                del out[name]
    return out


def expected_params(op: Operation, params: dict) -> object:
    if op.input is None:
        return {}
    ours = typed(op.input, params, op.shapes(op.api.protocols[0]))
    return normal(ours)


def typed(ref, value, shapes):
    """A case's value as a handler gets it: times are times, blobs are bytes, nulls are not there."""
    shape = shapes[ref.shape]
    if value is None or shape.document:
        return value
    if shape.type == "structure":
        return {n: typed(shape.members[n], v, shapes) for n, v in value.items() if v is not None}
    if shape.type == "list":
        return [typed(shape.member, v, shapes) for v in value if v is not None or shape.sparse]
    if shape.type == "map":
        return {k: typed(shape.value, v, shapes) for k, v in value.items() if v is not None or shape.sparse}
    if shape.type == "timestamp":
        return datetime.fromtimestamp(value, UTC)
    if shape.type == "blob":
        return value.encode()
    if shape.type in ("float", "double"):
        return float(value)
    return value


def normal(value):
    if isinstance(value, dict):
        return {k: normal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [normal(v) for v in value]
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else round(value, 9)
    return value


@pytest.mark.parametrize(("suite", "case"), list(cases("output")))
def test_writing_a_result_gives_its_response(suite: dict, case: dict):
    op = operation_of(suite, case)
    protocol = op.api.protocols[0]
    expected = case["response"]
    if "errorCode" in case:
        fields = {k: v for k, v in case["error"].items() if k.lower() != "message"}
        error = AwsError(message_of(expected, case), code=case["errorCode"], **fields)
        response = errors.serialize(op.api, op, error, "foo-id")
    else:
        result = None if op.output is None else typed(op.output, case["result"], op.shapes(protocol))
        response = op.serialize(result, "requestid")

    assert response.status == expected["status_code"]
    sent = {name.lower(): value for name, value in response.headers}
    for name, value in expected.get("headers", {}).items():
        # A response has no target (two cases show one), and what has no body needs no type.
        if name.lower() in ("content-length", "x-amzn-requestid", "x-amz-target"):
            continue
        if name.lower() == "content-type" and not expected.get("body"):
            continue
        if name.lower() == "x-amzn-errortype":
            value = bare_type(value)
        assert sent.get(name.lower(), "").partition(";")[0] == value.partition(";")[0], name
    if "body" in expected:
        same_body(protocol, response.body, expected["body"], suite)


def message_of(expected: dict, case: dict) -> str:
    """Some cases have a message in the answer that they do not name among the error's members."""
    told = case.get("errorMessage") or next((v for k, v in case["error"].items() if k.lower() == "message"), "")
    return told or ("Hi" if "<Message>Hi</Message>" in (expected.get("body") or "") else "")


def same_body(protocol: str, ours: bytes, theirs: str, suite: dict) -> None:
    if protocol == "smithy-rpc-v2-cbor":
        wanted = base64.b64decode(theirs)
        got = cbor2.loads(ours) if ours else {}
        assert without_namespace(got) == without_namespace(cbor2.loads(wanted) if wanted else {})
    elif theirs and theirs.lstrip().startswith("<"):
        assert canonical(ours.decode(), protocol) == canonical(theirs, protocol)
    elif protocol in ("json", "rest-json") and looks_like_json(theirs):
        assert normal_json(without_namespace(json.loads(ours))) == normal_json(without_namespace(json.loads(theirs)))
    else:
        assert ours == theirs.encode()


def looks_like_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def without_namespace(tree):
    """Error types are compared without the namespace of the protocol tests' own services."""
    if isinstance(tree, dict) and "__type" in tree:
        return {**tree, "__type": bare_type(tree["__type"])}
    return normal_json(tree)


def bare_type(name: str) -> str:
    return name.partition(":")[0].rpartition("#")[2]


def normal_json(tree):
    if isinstance(tree, dict):
        return {k: normal_json(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [normal_json(v) for v in tree]
    if isinstance(tree, float):
        return "NaN" if math.isnan(tree) else round(tree, 6)
    return tree


_ENVELOPE = ("ResponseMetadata", "requestId", "RequestId", "RequestID")


def canonical(text: str, protocol: str) -> object:
    root = ElementTree.parse(io.StringIO(text)).getroot()
    return tree_of(root, is_root=True)


def tree_of(element, *, is_root: bool = False):
    """Element names without namespaces (the cases' models do not name their service's), texts, attributes, order."""
    children = [tree_of(child) for child in element if not (is_root and local(child) in _ENVELOPE)]
    return (
        local(element),
        sorted(element.attrib.items()),
        (element.text or "").strip() if not children else "",
        children,
    )


def local(element) -> str:
    return element.tag.rpartition("}")[2]

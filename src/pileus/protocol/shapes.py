"""A service model as botocore ships it, decoded without its documentation.

msgspec skips what no field names, so the prose (nine tenths of a model) never becomes Python objects.
"""

import gzip
import pathlib
from collections.abc import Iterator

import botocore
import msgspec

DATA = pathlib.Path(botocore.__file__).parent / "data"


class Ref(msgspec.Struct, omit_defaults=True):
    """A use of a shape: by a member, or as the element of a list or map."""

    shape: str
    location: str | None = None
    locationName: str | None = None
    flattened: bool = False
    xmlNamespace: dict | str | None = None
    xmlAttribute: bool = False
    streaming: bool = False
    jsonvalue: bool = False
    queryName: str | None = None
    timestampFormat: str | None = None
    eventpayload: bool = False
    eventheader: bool = False
    idempotencyToken: bool = False
    resultWrapper: str | None = None


class Shape(msgspec.Struct):
    """A shape of the model. `type` decides which of the other fields mean something."""

    type: str
    members: dict[str, Ref] = {}
    required: list[str] = []
    member: Ref | None = None
    key: Ref | None = None
    value: Ref | None = None
    payload: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    pattern: str | None = None
    enum: list[str] = []
    exception: bool = False
    fault: bool = False
    error: dict = {}
    sensitive: bool = False
    document: bool = False
    union: bool = False
    event: bool = False
    eventstream: bool = False
    streaming: bool = False
    flattened: bool = False
    sparse: bool = False
    locationName: str | None = None
    xmlNamespace: dict | str | None = None
    timestampFormat: str | None = None


class OperationModel(msgspec.Struct):
    name: str
    http: dict
    input: Ref | None = None
    output: Ref | None = None
    errors: list[Ref] = []
    deprecated: bool = False
    requestcompression: dict | None = None


class ServiceModel(msgspec.Struct):
    metadata: dict
    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]


_decoder = msgspec.json.Decoder(ServiceModel)


def read(model_name: str) -> ServiceModel:
    """Decode botocore's newest model of a service. Raises LookupError where botocore has none."""
    folder = DATA / model_name
    versions = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not versions:
        raise LookupError(f"botocore has no model of {model_name!r}")
    path = folder / versions[-1] / "service-2.json"
    raw = path.read_bytes() if path.exists() else gzip.decompress(path.with_suffix(".json.gz").read_bytes())
    return _decoder.decode(raw)


def in_body(ref: Ref, *, incoming: bool) -> bool:
    """Whether a member travels in the body. An answer has no path and no query string to put it in."""
    return ref.location is None or (not incoming and ref.location in ("uri", "querystring"))


def body_members(shape: Shape, *, incoming: bool) -> Iterator[tuple[str, Ref]]:
    """The members that travel in the body, as against headers, path, query string or status."""
    return ((name, ref) for name, ref in shape.members.items() if in_body(ref, incoming=incoming))

"""Names of functions and layers: all the forms that a request may use, and their ARNs.

Source: API reference, FunctionName of each operation: name, partial ARN (account:function:name), ARN; each may end in
a qualifier.
"""

import re
from typing import NamedTuple

from pileus.kernel.arn import parse_arn, partition_of
from pileus.kernel.call import Call
from pileus.services.lambda_ import errors

LATEST = "$LATEST"

_FUNCTION = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?\Z"
)
_LAYER = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:)?(?P<name>[a-zA-Z0-9_-]+)"
    r"(?::(?P<version>\d{1,18}))?\Z"
)


_NUMBER = re.compile(r"[1-9]\d{0,17}\Z")


class FunctionRef(NamedTuple):
    """`qualifier` is a version, an alias, $LATEST, or None where the request named none."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    @property
    def arn(self) -> str:
        """As it was asked for: qualified or not."""
        return function_arn(self.account, self.region, self.name, self.qualifier)

    @property
    def key(self) -> tuple[str, str, str]:
        return self[:3]


class LayerRef(NamedTuple):
    account: str
    region: str
    name: str
    version: int | None = None

    @property
    def arn(self) -> str:
        return layer_arn(self.account, self.region, self.name, self.version)


def version_number(label: str) -> int | None:
    """Where a version of this label is kept: 0 is $LATEST, which only that name means. None: no version is called so."""
    if label == LATEST:
        return 0
    return int(label) if _NUMBER.match(label) else None


def function_arn(account: str, region: str, name: str, qualifier: str | None = None) -> str:
    arn = f"arn:{partition_of(region)}:lambda:{region}:{account}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def mapping_arn(account: str, region: str, mapping_id: str) -> str:
    return f"arn:{partition_of(region)}:lambda:{region}:{account}:event-source-mapping:{mapping_id}"


def mapping_id_of_arn(arn: str) -> tuple[str, str, str] | None:
    """(account, region, id) of an event source mapping's ARN; None for anything else."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.service != "lambda" or not parsed.resource.startswith("event-source-mapping:"):
        return None
    return parsed.account, parsed.region, parsed.resource.partition(":")[2]


def layer_arn(account: str, region: str, name: str, version: int | None = None) -> str:
    arn = f"arn:{partition_of(region)}:lambda:{region}:{account}:layer:{name}"
    return arn if version is None else f"{arn}:{version}"


def function_ref(call: Call, text: str, qualifier: str | None = None) -> FunctionRef:
    """The function that a request's FunctionName and Qualifier mean.

    errors   InvalidParameterValueException where the two disagree, ResourceNotFoundException for another region's
    """
    found = _FUNCTION.match(text)
    if found is None:
        raise errors.InvalidParameterValueException(f"Invalid FunctionName: {text}")
    region = found["region"] or call.region
    if region != call.region:
        raise errors.ResourceNotFoundException(
            f"Functions from '{region}' are not reachable in this region ('{call.region}')"
        )
    if found["qualifier"] and qualifier and found["qualifier"] != qualifier:
        raise errors.InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionRef(found["account"] or call.account, region, found["name"], qualifier or found["qualifier"])


def unqualified_ref(call: Call, text: str) -> FunctionRef:
    """For operations on the function itself. A qualifier that came along is not of the model and is refused."""
    ref = function_ref(call, text)
    if ref.qualifier is not None:
        raise errors.InvalidParameterValueException(
            f"This operation does not support a qualifier in FunctionName: {text}"
        )
    return ref


def function_ref_of_arn(arn: str) -> FunctionRef | None:
    """The parts of a function's ARN; None for anything else."""
    found = _FUNCTION.match(arn)
    if found is None or not found["region"] or not found["account"] or not arn.startswith("arn:"):
        return None
    return FunctionRef(found["account"], found["region"], found["name"], found["qualifier"])


def layer_ref(call: Call, text: str, version: int | None = None) -> LayerRef:
    """The layer of a LayerName (a name or the layer's ARN, without a version)."""
    found = _LAYER.match(text)
    if found is None or found["version"]:
        raise errors.InvalidParameterValueException(f"Invalid Layer name: {text}")
    return LayerRef(found["account"] or call.account, found["region"] or call.region, found["name"], version)


def layer_version_ref(arn: str) -> LayerRef | None:
    """The parts of a layer version's ARN; None for anything else."""
    found = _LAYER.match(arn)
    if found is None or not found["account"] or not found["version"]:
        return None
    return LayerRef(found["account"], found["region"], found["name"], int(found["version"]))

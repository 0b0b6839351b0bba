"""AwsErrors as the bytes of each protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpResponse

from . import xml
from .models import Api, Operation, codec
from .refusals import SerializationException, UnknownOperation
from .shapes import Ref, ServiceModel, Shape

_XML = ("query", "ec2", "rest-xml")


def serialize(
    api: Api | None,
    op: Operation | None,
    error: AwsError,
    request_id: str,
    protocol: str | None = None,
    *,
    method: str | None = None,
) -> HttpResponse:
    """The error's answer. Without an api (nobody knows whom the request meant) it is plain JSON 1.0.

    method  of the request where `op` is unknown: answers to HEAD have no body
    """
    if api is None:
        api = _NOBODY
    protocol = protocol or api.protocols[0]
    told = Told(api, _spoken(error, api, protocol), protocol)
    response = codec(protocol).error_writer(api, protocol)(told, request_id)
    response.headers += getattr(error, "headers", ())  # what a service says beside the error, such as a bucket's region
    if (method or (op.http_method if op is not None else "")) == "HEAD" or told.status == 304:
        response.body = b""
    return response


def _spoken(error: AwsError, api: Api, protocol: str) -> AwsError:
    """The errors of this package in the words of the protocol.

    Of an unknown action AWS tells the version that the request named; here it is always the model's, the only one.
    Source: recorded answers of IAM, SES, SNS and SQS ("Could not find operation …"), and of EC2.
    """
    if isinstance(error, UnknownOperation):
        if protocol == "query":
            text = f"Could not find operation {error.operation} for version {api.version}"
            return AwsError(text if error.operation else error.message, code="InvalidAction")
        if protocol == "ec2":
            text = f"The action {error.operation} is not valid for this web service."
            return AwsError(text if error.operation else error.message, code="InvalidAction")
        if protocol == "rest-xml":
            return AwsError(
                "The specified method is not allowed against this resource.", code="MethodNotAllowed", status=405
            )
    if isinstance(error, SerializationException) and protocol == "rest-xml":
        return AwsError(error.message, code="InvalidArgument")  # MalformedXML is what says it of a body
    return error


class Told:
    """An error as its API has it: modelled or not, with the code and status that its protocol uses.

    code         of the XML protocols; with an error shape, the shape's code there
    name         of the others: the error shape's
    type_name    `name` with the namespace of services that send one
    query_error  what x-amzn-query-error says, for APIs that moved from query to another protocol
    """

    def __init__(self, api: Api, error: AwsError, protocol: str) -> None:
        self.api = api
        self.message = error.message
        self.fields = error.fields
        shape_name, shape = api.error_shapes.get(error.code, (None, None))
        self.shape_name: str | None = shape_name
        self.shape: Shape | None = shape
        self.name = shape_name or error.code
        query_code, query_status = api.query_code(self.name)
        in_xml = protocol in _XML
        self.code = (query_code if shape is not None else error.code) if in_xml else self.name
        self.status = self._status(error, protocol, query_status)
        self.fault = "Receiver" if self.status >= 500 else "Sender"
        self.query_error: str | None = None
        if (
            api.is_query_compatible
            and not in_xml
            and (shape is None or query_code != self.name or shape.error.get("code"))
        ):
            self.query_error = f"{query_code};{self.fault}"

    def _status(self, error: AwsError, protocol: str, query_status: int | None) -> int:
        """The error's own status if it has one beyond the default, else the model's."""
        if error.status != AwsError.status or self.shape is None:
            return error.status
        modelled = self.shape.error.get("httpStatusCode")
        if protocol in ("query", "ec2"):
            modelled = query_status or modelled
        elif self.api.is_query_compatible and "code" in self.shape.error:
            modelled = None  # there the model's status is that of the query protocol
        return modelled or (500 if self.shape.fault else error.status)

    @property
    def type_name(self) -> str:
        overlay = self.api.overlay
        if self.shape is not None:
            space = overlay.error_namespace
        else:
            space = overlay.plain_namespaces.get(self.name) or overlay.plain_namespaces.get("")
        return f"{space}#{self.name}" if space else self.name

    @cached_property
    def _message_member(self) -> str:
        members = self.shape.members if self.shape is not None else ()
        return next((name for name in members if name.lower() == "message"), "message")

    def members(self, value_writer: Callable) -> dict:
        """The body's members, for the tree formats."""
        out = {self._message_member: self.message} if self.message else {}
        if self.shape is None:
            return out | {name: value for name, value in self.fields.items() if value is not None}
        written = value_writer(self.api.shapes(self.api.protocols[0]), Ref(shape=self.shape_name))(out | self.fields)
        # Shapes without members (CloudWatch Logs' errors) come with a message on the wire all the same.
        return written if self._message_member in self.shape.members else out | written

    def xml_message(self) -> str:
        return f"<Message>{xml.escape(self.message)}</Message>" if self.message else ""

    def xml_members(self) -> str:
        """The members beside code and message, as elements."""
        pieces: list[str] = []
        if self.shape is None:
            return "".join(
                f"<{name}>{xml.escape(str(value))}</{name}>" for name, value in self.fields.items() if value is not None
            )
        fields = {name: value for name, value in self.fields.items() if name.lower() not in ("message", "code")}
        xml.Writer(self.api.shapes(self.api.protocols[0])).content(Ref(shape=self.shape_name))(fields, pieces.append)
        beyond = {name: value for name, value in fields.items() if name not in self.shape.members and value is not None}
        pieces += [f"<{name}>{xml.escape(str(value))}</{name}>" for name, value in beyond.items()]
        return "".join(pieces)


_NOBODY = Api("unknown", ServiceModel({"protocol": "json", "jsonVersion": "1.0"}, {}, {}))

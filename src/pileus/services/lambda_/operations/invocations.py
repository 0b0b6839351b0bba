"""Invocations: synchronous, asynchronous, dry; and how asynchronous ones are retried and reported."""

import base64
import binascii
import json

import orjson

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.lambda_ import errors
from pileus.services.lambda_.destinations import require_destination, require_destination_permission
from pileus.services.lambda_.names import FunctionRef, function_ref
from pileus.services.lambda_.operations.paging import marker_in, page
from pileus.services.lambda_.shapes import event_invoke_config_out
from pileus.services.lambda_.state import ASYNC_PAYLOAD_LIMIT_BYTES, SYNC_PAYLOAD_LIMIT_BYTES
from pileus.services.lambda_.transitions import events, functions

CLIENT_CONTEXT_LIMIT_CHARACTERS = 3583
LIST_PAGE = 50


async def invoke(call: Call, request: dict) -> dict:
    """Hand an event to a function: RequestResponse waits for its answer, Event is kept and answered at once.

    errors   ResourceNotFoundException, InvalidRequestContentException, RequestTooLargeException,
             TooManyRequestsException, ResourceConflictException, InvalidRuntimeException
    """
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    for member in ("DurableExecutionName", "TenantId"):
        if request.get(member):
            raise NotImplementedByUs(f"lambda:Invoke with {member}")
    kind = request.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        await call.read(functions.require_version, ref)
        return {"StatusCode": 204}
    limit = ASYNC_PAYLOAD_LIMIT_BYTES if kind == "Event" else SYNC_PAYLOAD_LIMIT_BYTES
    payload = _event(request.get("Payload"), limit)
    if kind == "Event":
        await _accept(call, ref, payload)
        return {"StatusCode": 202, "Payload": b""}
    running = call.cloud.engines["lambda"].running
    outcome = await running.invoke(
        ref,
        payload,
        request_id=call.request_id,
        client_context=_client_context(request.get("ClientContext")),
        trace_id=_trace_id(call),
    )
    call.seen = outcome.seen
    invocation = outcome.invocation
    result = {"StatusCode": 200, "ExecutedVersion": outcome.version.label, "Payload": invocation.payload}
    if invocation.error is not None:
        result["FunctionError"] = invocation.error
    if request.get("LogType") == "Tail":
        result["LogResult"] = base64.b64encode(invocation.log_tail).decode()
    return result


async def invoke_async(call: Call, request: dict) -> dict:
    """The older form of an asynchronous invocation.

    errors   ResourceNotFoundException, InvalidRequestContentException
    """
    ref = function_ref(call, request["FunctionName"])
    arguments = request["InvokeArgs"]
    if not isinstance(arguments, bytes):
        received = bytearray()
        async for chunk in arguments:
            received += chunk
            if len(received) > ASYNC_PAYLOAD_LIMIT_BYTES:
                break  # too much already: how much there is in all does not matter
        arguments = bytes(received)
    await _accept(call, ref, _event(arguments, ASYNC_PAYLOAD_LIMIT_BYTES))
    return {"Status": 202}


async def _accept(call: Call, ref: FunctionRef, payload: bytes) -> None:
    await call.write(events.accept_event, ref, call.request_id, payload, trace_id=_trace_id(call))


def _event(payload: bytes | None, limit: int) -> bytes:
    """The payload, which must be JSON; nothing at all is an empty object."""
    if not payload:
        return b"{}"
    if len(payload) > limit:
        if limit == ASYNC_PAYLOAD_LIMIT_BYTES:
            text = f"{len(payload)} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        else:
            text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise errors.RequestTooLargeException(text)
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        # orjson refuses a little more than Lambda does (lone surrogates), so the second opinion counts.
        try:
            json.loads(payload, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise errors.InvalidRequestContentException(
                f"Could not parse request body into json: Could not parse payload into json: {error}"
            ) from None
    return payload


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _client_context(text: str | None) -> str | None:
    """The JSON of a header that is Base64."""
    if not text:
        return None
    try:
        if len(text) > CLIENT_CONTEXT_LIMIT_CHARACTERS:
            raise ValueError
        decoded = base64.b64decode(text, validate=True).decode()
        if not isinstance(json.loads(decoded), dict):
            raise ValueError
    except (ValueError, binascii.Error):
        raise errors.InvalidRequestContentException(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
    return decoded


def _trace_id(call: Call) -> str | None:
    return call.http.headers.get("x-amzn-trace-id") if call.http is not None else None


# Configuration of asynchronous invocations


async def put_function_event_invoke_config(call: Call, request: dict) -> dict:
    """Replace the whole configuration: what the request doesn't name has its default.

    errors   ResourceNotFoundException, InvalidParameterValueException
    """
    ref, settings = await _invoke_settings(call, request)
    return event_invoke_config_out(await call.write(events.put_invoke_config, ref, settings, keep=False))


async def update_function_event_invoke_config(call: Call, request: dict) -> dict:
    """Change what the request names.

    errors   ResourceNotFoundException, InvalidParameterValueException
    """
    ref, settings = await _invoke_settings(call, request)
    return event_invoke_config_out(await call.write(events.put_invoke_config, ref, settings, keep=True))


async def get_function_event_invoke_config(call: Call, request: dict) -> dict:
    """errors   ResourceNotFoundException where none was put"""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    return event_invoke_config_out(await call.read(events.require_invoke_config, ref))


async def delete_function_event_invoke_config(call: Call, request: dict) -> dict:
    """Back to the defaults.

    errors   ResourceNotFoundException
    """
    await call.write(events.delete_invoke_config, function_ref(call, request["FunctionName"], request.get("Qualifier")))
    return {}


async def list_function_event_invoke_configs(call: Call, request: dict) -> dict:
    """Of all qualifiers of a function."""
    ref = function_ref(call, request["FunctionName"])._replace(qualifier=None)
    operation = "ListFunctionEventInvokeConfigs"
    limit = request.get("MaxItems", LIST_PAGE)
    found = await call.read(events.list_invoke_configs, ref, marker_in(operation, request) or "", limit + 1)
    return page(
        operation,
        "FunctionEventInvokeConfigs",
        found,
        limit,
        event_invoke_config_out,
        lambda row: row.qualifier,
    )


async def _invoke_settings(call: Call, request: dict) -> tuple[FunctionRef, dict]:
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    settings: dict = {}
    if "MaximumRetryAttempts" in request:
        settings["retries"] = request["MaximumRetryAttempts"]
    if "MaximumEventAgeInSeconds" in request:
        settings["event_age_limit_s"] = request["MaximumEventAgeInSeconds"]
    if not settings and "DestinationConfig" not in request:
        raise errors.InvalidParameterValueException(
            "You must specify at least one of error handling or destination setting."
        )
    destinations = request.get("DestinationConfig", {})
    version = await call.read(functions.require_version, ref)
    for member, field in (("OnSuccess", "on_success_arn"), ("OnFailure", "on_failure_arn")):
        if member in destinations:
            arn = destinations[member].get("Destination") or None
            if arn is not None:
                await require_destination(call, arn, on_failure=member == "OnFailure")
                await require_destination_permission(call, arn, version.configuration.role, ref.name)
            settings[field] = arn
    return ref, settings

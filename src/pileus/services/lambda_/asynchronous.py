"""Asynchronous invocations: an accepted event is tried, retried, given up, and what became of it is reported.

Source: developer guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing records of
Lambda asynchronous invocations".
"""

import json
import logging
from typing import Any

from pileus.delivery.dispatcher import TryAgain
from pileus.kernel.clock import iso8601
from pileus.kernel.errors import AwsError
from pileus.services.lambda_ import errors
from pileus.services.lambda_.log_shipping import LogShipping
from pileus.services.lambda_.names import FunctionRef
from pileus.services.lambda_.running import Outcome, Running
from pileus.services.lambda_.state import AsyncEvent, EventInvokeConfig, Version
from pileus.services.lambda_.transitions import events
from pileus.services.lambda_.transitions.functions import choose_version

log = logging.getLogger("pileus.lambda")

AFTER_FAILURE_MS = (60_000, 120_000)
"""One minute before the second attempt, two before the third."""

FIRST_THROTTLE_MS = 1000
LAST_THROTTLE_MS = 300_000
ERROR_MESSAGE_BYTES = 1024


async def handle(cloud: Any, running: Running, logs: LogShipping, event_id: str) -> None:
    """One attempt at an event. Raises TryAgain when there is to be another."""
    event, _ = cloud.store.look(events.find_event, event_id)
    if event is None:
        return  # done, and killed before the outbox knew
    ref = FunctionRef(event.account, event.region, event.name, event.qualifier)
    try:
        (version, function), _ = cloud.store.look(choose_version, ref, 1.0)
    except AwsError:
        await cloud.store.write(events.finish_event, event_id, [])  # as AWS: the function went, its events go too
        return
    config, _ = cloud.store.look(events.invoke_config, ref)
    report = Report(cloud, event, ref, version, config)
    assert config.event_age_limit_s is not None
    expires_ms = event.accepted_at_ms + config.event_age_limit_s * 1000
    if function.reserved_concurrency == 0:
        await report.give_up("ZeroReservedConcurrency")
    elif cloud.clock.now_ms() >= expires_ms:
        await report.give_up("EventAgeExceeded")
    else:
        outcome = await _attempt(cloud, running, event, ref, expires_ms)
        if outcome is not None:
            # Nobody waits for the answer, so the lines may as well be kept before the event goes.
            await logs.flushed(outcome.spec, outcome.invocation.log_stream)
            await _conclude(cloud, event, report, outcome)


async def _attempt(
    cloud: Any, running: Running, event: AsyncEvent, ref: FunctionRef, expires_ms: int
) -> Outcome | None:
    """What the function did; None if it is gone. Raises TryAgain where it was not reached."""
    try:
        return await running.invoke(
            ref,
            event.payload,
            request_id=event.request_id,
            trace_id=event.trace_id,
        )
    except errors.ResourceNotFoundException:
        await cloud.store.write(events.finish_event, event.id, [])
        return None
    except AwsError as error:
        # Throttled, or we failed: the event waits, up to its age, and no attempt is counted.
        await cloud.store.write(events.count_throttle, event.id)
        delay_ms = min(FIRST_THROTTLE_MS << min(event.throttled, 20), LAST_THROTTLE_MS)
        left_ms = expires_ms - cloud.clock.now_ms()
        log.debug("event %s of %s waits: %s", event.id, ref.arn, error)
        raise TryAgain(max(1, min(delay_ms, left_ms))) from error


async def _conclude(cloud: Any, event: AsyncEvent, report: "Report", outcome: Outcome) -> None:
    """The function has answered: that was it, or there is to be another attempt (TryAgain)."""
    if outcome.invocation.error is None:
        await report.succeeded(outcome)
        return
    retries = report.config.retries
    assert retries is not None
    if event.runs >= retries:
        await report.give_up("RetriesExhausted", outcome)
        return
    delay_ms = AFTER_FAILURE_MS[event.runs]
    await cloud.store.write(events.count_run, event.id)
    raise TryAgain(delay_ms)


class Report:
    """What is told of an event when it is done with, and to whom."""

    def __init__(
        self, cloud: Any, event: AsyncEvent, ref: FunctionRef, version: Version, config: EventInvokeConfig
    ) -> None:
        self._cloud = cloud
        self._event = event
        self._ref = ref
        self._version = version
        self.config = config

    async def succeeded(self, outcome: Outcome) -> None:
        deliveries = []
        if self.config.on_success_arn:
            deliveries.append(self._delivery(self.config.on_success_arn, self._record("Success", outcome), "Success"))
        await self._finish(deliveries)

    async def give_up(self, condition: str, outcome: Outcome | None = None) -> None:
        deliveries = []
        if self.config.on_failure_arn:
            record = self._record(condition, outcome)
            deliveries.append(self._delivery(self.config.on_failure_arn, record, "Failure"))
        dead_letter_arn = self._version.configuration.dead_letter_arn
        if dead_letter_arn:
            deliveries.append(self._dead_letter(dead_letter_arn, condition, outcome))
        await self._finish(deliveries)

    async def _finish(self, deliveries: list[dict]) -> None:
        await self._cloud.store.write(events.finish_event, self._event.id, deliveries)

    def _record(self, condition: str, outcome: Outcome | None) -> dict:
        event = self._event
        qualified = self._ref._replace(qualifier=self._ref.qualifier or "$LATEST")
        runs = event.runs + (1 if outcome is not None else 0)
        record = {
            "version": "1.0",
            "timestamp": iso8601(self._cloud.clock.now_ms()),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": qualified.arn,
                "condition": condition,
                "approximateInvokeCount": runs,
            },
            "requestPayload": _as_json(event.payload),
        }
        if outcome is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": outcome.version.label}
            if outcome.invocation.error is not None:
                record["responseContext"]["functionError"] = outcome.invocation.error
            record["responsePayload"] = _as_json(outcome.invocation.payload)
        return record

    def _delivery(self, arn: str, record: dict, result: str) -> dict:
        return {**self._sender(), "target": arn, "body": json.dumps(record), "result": result}

    def _dead_letter(self, arn: str, condition: str, outcome: Outcome | None) -> dict:
        """The event itself, with three attributes. Source: developer guide, "Adding a dead-letter queue"."""
        message = condition
        if outcome is not None:
            answer = _as_json(outcome.invocation.payload)
            message = answer.get("errorMessage", "") if isinstance(answer, dict) else ""
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": self._event.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200" if outcome is not None else "429"},
        }
        if message:
            cut = str(message).encode()[:ERROR_MESSAGE_BYTES].decode(errors="ignore")
            attributes["ErrorMessage"] = {"DataType": "String", "StringValue": cut}
        body = self._event.payload.decode(errors="replace")
        return {**self._sender(), "target": arn, "body": body, "attributes": attributes}

    def _sender(self) -> dict:
        version = self._version
        return {
            "account": version.account,
            "region": version.region,
            "function": version.name,
            "function_arn": self._ref._replace(qualifier=self._ref.qualifier or "$LATEST").arn,
            "role": version.configuration.role,
        }


def _as_json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")

"""Runs the pollers of event source mappings: which there are, what a function does with a batch, what is reported of
what was given up.

Source: developer guide, "How Lambda processes records from stream and queue-based event sources", "Retain discarded
batch records".
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from pileus.authz import changed
from pileus.delivery.filters import Filters
from pileus.delivery.pollers import Answer, Discarded, NotReached, Plan, Pollers, poller_of
from pileus.delivery.sources import TRIM_HORIZON, Reader, ReaderLost
from pileus.kernel.arn import parse_arn
from pileus.kernel.clock import iso8601
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal
from pileus.services.lambda_.log_shipping import LogShipping
from pileus.services.lambda_.names import FunctionRef
from pileus.services.lambda_.roles import Roles
from pileus.services.lambda_.running import Running
from pileus.services.lambda_.state import ACCOUNT_CONCURRENCY, VERSIONS, EventSourceMapping, Version
from pileus.services.lambda_.transitions import mappings
from pileus.services.lambda_.transitions.events import DELIVER
from pileus.services.lambda_.transitions.functions import changed_topic, require_version
from pileus.store.events import Event
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.lambda")

NO_FUNCTION = "Function does not exist"
FUNCTION_CALL_FAILED = "PROBLEM: Function call failed"
ROLE = "Lambda failed to assume your function execution role."


def reader_of(cloud: Any, roles: Roles, ref: FunctionRef, source_arn: str) -> Reader:
    """Reads the source as the function's execution role, whichever that is by then."""

    async def principal() -> Principal:
        role = role_of(cloud, ref)
        if role is None:
            raise ReaderLost(NO_FUNCTION)
        try:
            return (await roles.session(role, ref.region, ref.name)).principal
        except AwsError as error:
            if error.code not in ("AccessDenied", "NoSuchEntity"):
                raise
            raise ReaderLost(ROLE) from error

    def refused() -> None:
        role = role_of(cloud, ref)
        if role is not None:
            roles.forget(role, ref.region, ref.name)

    def rights() -> tuple[str, ...]:
        role = role_of(cloud, ref)
        if role is None:
            return ()
        account, name = role.split(":")[4], role.rpartition("/")[2]
        return changed(account, name), changed(account)

    return Reader(cloud, source_arn, principal, refused, rights)


def role_of(cloud: Any, ref: FunctionRef) -> str | None:
    """The execution role that the function has now; None where there is no function."""
    try:
        return cloud.store.look(require_version, ref)[0].configuration.role
    except AwsError:
        return None


class FunctionTarget:
    """A mapping's function, as pollers see it."""

    def __init__(self, cloud: Any, running: Running, logs: LogShipping, ref: FunctionRef) -> None:
        self._cloud = cloud
        self._running = running
        self._logs = logs
        self._ref = ref
        self.arn = ref.arn

    def _version(self) -> Version | None:
        try:
            return self._cloud.store.look(require_version, self._ref)[0]
        except AwsError:
            return None

    def timeout_ms(self) -> int:
        version = self._version()
        return 0 if version is None else version.configuration.timeout_s * 1000

    def missing(self) -> str | None:
        return f"PROBLEM: {NO_FUNCTION}" if self._version() is None else None

    def topic(self) -> str:
        return changed_topic(self._ref)

    async def invoke(self, payload: bytes, started: Callable[[], None]) -> Answer:
        request_id = self._cloud.ids.uuid()
        try:
            outcome = await self._running.invoke(self._ref, payload, request_id=request_id, started=started)
        except AwsError as error:
            raise NotReached(self.missing() or FUNCTION_CALL_FAILED) from error
        # Nobody waits for the answer, so the lines may as well be kept before the batch counts as done.
        await self._logs.flushed(outcome.spec, outcome.invocation.log_stream)
        return Answer(outcome.invocation.payload, outcome.invocation.error, outcome.version.label, request_id)


class MappingPolling:
    """The pollers of all mappings. One per Pileus."""

    def __init__(self, cloud: Any, running: Running, logs: LogShipping, roles: Roles) -> None:
        self._cloud = cloud
        self._running = running
        self._logs = logs
        self._roles = roles
        self._pollers = Pollers(cloud)
        self._by_id: dict[str, Any] = {}
        self._said: dict[str, str] = {}
        self._is_stopping = False
        cloud.workers.append(self._pollers)

    async def resume(self) -> None:
        """At the start of the process: poll for the mappings that are enabled. Those between two states have an event
        waiting that brings them on."""
        for mapping in self._cloud.store.look(mappings.every)[0]:
            if mapping.state == "Enabled":
                await self._begin(mapping)

    async def bring(self, event: Event) -> None:
        """Make the poller what the mapping says, and tell that it is."""
        key = tuple(event.payload["key"])
        mapping, _ = self._cloud.store.look(mappings.find, key)
        await self._end(key[2])
        if mapping is None:
            return
        if mapping.is_enabled:
            await self._begin(mapping)
            if mapping.id in self._by_id:
                await self._by_id[mapping.id].begun.wait()
        await self._cloud.store.write(mappings.arrived, key, mapping.revision)

    async def _begin(self, mapping: EventSourceMapping) -> None:
        plan = await self._plan(mapping)
        if plan is None:
            log.error("%s is not read: nothing here knows how to read %s", mapping.arn, mapping.source_arn)
            return
        poller = self._by_id[mapping.id] = poller_of(self._pollers, plan)
        poller.start()

    async def _end(self, mapping_id: str) -> None:
        poller = self._by_id.pop(mapping_id, None)
        self._said.pop(mapping_id, None)
        if poller is not None:
            await poller.stop()

    async def _plan(self, mapping: EventSourceMapping) -> Plan | None:
        arn = parse_arn(mapping.source_arn)
        assert arn is not None
        service = await self._cloud.service(arn.service)
        source = None if service is None else service.source()
        if source is None:
            return None
        polling = mapping.polling
        retention_ms = source.limits(arn).retention_ms
        ages = [polling.age_limit_s * 1000] if polling.age_limit_s >= 0 else []
        ages += [] if retention_ms is None else [retention_ms]
        key = (mapping.account, mapping.region, mapping.id)

        async def said(result: str) -> None:
            if not self._is_stopping and self._said.get(mapping.id, mapping.last_result) != result:
                await self._cloud.store.write(mappings.processed, key, result)
                self._said[mapping.id] = result

        def discarded(tx: Transaction, what: Discarded) -> None:
            if polling.on_failure_arn and VERSIONS.has(tx, *mapping.ref.key, 0):  # else there is no role to send as
                report(tx, mapping, source.batch_info, what)

        return Plan(
            id=mapping.id,
            source=source,
            reader=reader_of(self._cloud, self._roles, mapping.ref, mapping.source_arn),
            target=FunctionTarget(self._cloud, self._running, self._logs, mapping.ref),
            batch_size=polling.batch_size,
            window_ms=polling.window_s * 1000,
            filters=Filters(list(polling.filters), source.data_key),
            reports_failures=polling.reports_failures,
            said=said,
            max_concurrency=polling.max_concurrency or ACCOUNT_CONCURRENCY,
            starting_position=mapping.starting_position or TRIM_HORIZON,
            starting_at_ms=mapping.starting_at_ms,
            parallelization=polling.parallelization,
            bisects=polling.bisects,
            retries=None if polling.retries < 0 else polling.retries,
            age_limit_ms=min(ages) if ages else None,
            tumbling_ms=polling.tumbling_s * 1000,
            discarded=discarded,
        )

    async def stop(self) -> None:
        """At the end of the process: nothing more is begun; what runs is let go, and comes again after the start."""
        self._is_stopping = self._pollers.is_ending = True
        pollers, self._by_id = list(self._by_id.values()), {}
        await asyncio.gather(*(poller.stop() for poller in pollers))
        if self._pollers in self._cloud.workers:
            self._cloud.workers.remove(self._pollers)


def report(tx: Transaction, mapping: EventSourceMapping, batch_info: str, what: Discarded) -> None:
    """Emit the record of what was given up: of its metadata for queues and topics, with the batch itself for S3."""
    target = parse_arn(mapping.polling.on_failure_arn)
    assert target is not None
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": what.answer.request_id if what.answer is not None else tx.ids.uuid(),
            "functionArn": mapping.ref.arn,
            "condition": what.condition,
            "approximateInvokeCount": what.runs,
        },
    }
    if what.answer is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": what.answer.executed_version}
        if what.answer.error is not None:
            record["responseContext"]["functionError"] = what.answer.error
    record |= {
        "version": "1.0",
        "timestamp": iso8601(tx.now_ms),
        batch_info: {
            "shardId": what.shard_id,
            "startSequenceNumber": what.first_sequence_number,
            "endSequenceNumber": what.last_sequence_number,
            "approximateArrivalOfFirstRecord": _moment(what.first_arrived_at_ms),
            "approximateArrivalOfLastRecord": _moment(what.last_arrived_at_ms),
            "batchSize": what.count,
            "streamArn": mapping.source_arn,
        },
    }
    sending: dict[str, Any] = {
        "account": mapping.account,
        "region": mapping.region,
        "function": mapping.name,
        "function_arn": mapping.ref.arn,
        "role": require_version(tx, mapping.ref._replace(qualifier=None)).configuration.role,
        "target": mapping.polling.on_failure_arn,
        "result": "Failure",
    }
    if target.service == "s3":
        record["payload"] = what.payload.decode(errors="replace")
        day, moment = iso8601(tx.now_ms)[:10], iso8601(tx.now_ms)[:19].replace(":", ".")
        place = f"aws/lambda/{mapping.id}/{what.shard_id}/{day.replace('-', '/')}"
        sending["key"] = f"{place}/{moment}-{tx.ids.uuid()}"
    tx.emit(DELIVER, {**sending, "body": json.dumps(record)})


def _moment(at_ms: int) -> str:
    """2026-01-01T00:00:00Z, with milliseconds only where there are any: DynamoDB's records have none."""
    return iso8601(at_ms) if at_ms % 1000 else iso8601(at_ms)[:19] + "Z"

"""The timers and events of DynamoDB: kind -> handler. A timer's key is the id of a table, index or stream, as text."""

from pileus.services.dynamodb.state import expiry, indexes, streams, tables, transactions, ttl

TIMERS = {
    tables.SETTLE: tables.settle,
    indexes.BACKFILL: indexes.backfill,
    ttl.ENTER: ttl.enter,
    ttl.EXPIRE: expiry.expire,
    transactions.FORGET: transactions.forget,
    streams.TEND: streams.tend,
}
EVENTS: dict = {}

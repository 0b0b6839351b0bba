"""The timers and events of DynamoDB: kind -> handler. A timer's key is the id of what it is about, as text."""

from pileus.services.dynamodb import exporting, importing
from pileus.services.dynamodb.state import (
    backups,
    expiry,
    exports,
    history,
    imports,
    indexes,
    replicas,
    replication,
    streams,
    tables,
    transactions,
    ttl,
)

TIMERS = {
    tables.SETTLE: tables.settle,
    indexes.BACKFILL: indexes.backfill,
    ttl.ENTER: ttl.enter,
    ttl.EXPIRE: expiry.expire,
    transactions.FORGET: transactions.forget,
    streams.TEND: streams.tend,
    replicas.PUSH: replication.push,
    replicas.FILL: replication.fill,
    history.PRUNE: history.prune,
    backups.COPY: backups.copy,
    backups.EXPIRE: backups.expire,
    exports.EXPIRE: exports.expire,
    imports.EXPIRE: imports.expire,
}
EVENTS = {
    exports.WORK: exporting.write_export,
    imports.WORK: importing.fill_table,
}

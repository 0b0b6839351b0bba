"""The timers and events of DynamoDB: kind -> handler. A timer's key is the id of what it is about, as text."""

from pileus.services.dynamodb import auto_scaling, exporting, importing, insights_rules
from pileus.services.dynamodb.state import (
    accounts,
    backups,
    expiry,
    history,
    indexes,
    insights,
    replica_settings,
    replicas,
    replication,
    streams,
    tables,
    transactions,
    ttl,
    vectors,
)
from pileus.services.dynamodb.state.exports import EXPORTS
from pileus.services.dynamodb.state.imports import IMPORTS

TIMERS = {
    tables.SETTLE: tables.settle,
    indexes.BACKFILL: indexes.backfill,
    vectors.BACKFILL: vectors.backfill,
    ttl.ENTER: ttl.enter,
    ttl.EXPIRE: expiry.expire,
    transactions.FORGET: transactions.forget,
    streams.TEND: streams.tend,
    replicas.PUSH: replication.push,
    replicas.FILL: replication.fill,
    accounts.DROP: accounts.drop,
    history.PRUNE: history.prune,
    backups.COPY: backups.copy,
    backups.EXPIRE: backups.expire,
    EXPORTS.expiry: EXPORTS.expire,
    IMPORTS.expiry: IMPORTS.expire,
}
EVENTS = {
    EXPORTS.work: exporting.write_export,
    IMPORTS.work: importing.fill_table,
    insights.CHANGE: insights_rules.change,
    replica_settings.MIRROR: auto_scaling.mirror,
}

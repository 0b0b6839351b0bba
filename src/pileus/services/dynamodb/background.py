"""The timers and events of DynamoDB: kind -> handler."""

from pileus.services.dynamodb.state import streams

TIMERS = {
    streams.TEND: streams.tend,
}
EVENTS = {}

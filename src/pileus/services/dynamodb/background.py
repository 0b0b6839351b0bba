"""The timers and events of DynamoDB: kind -> handler."""

TIMERS = {}
EVENTS = {}

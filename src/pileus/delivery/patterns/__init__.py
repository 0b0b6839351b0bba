"""Event patterns: the language with which rules, pipes and event source mappings say which events they want.

    pattern = compile('{"detail": {"state": ["failed", {"prefix": "stop"}], "code": [{"numeric": [">", 0]}]}}')
    pattern.matches(event)

A pattern has the shape of the event. Where it ends in an array stands what the event's value there may be, as one of
the array's elements; all fields must match. `$or` holds a list of patterns of which one must match besides.

An event's array matches where one of its elements does; several fields below one array must match in the same element
of it. What a pattern doesn't name, an event may have. `{"exists": false}` holds where the whole event has no value at
that place, an empty array or an object being none.

Compiled once, matched often: `$or` is multiplied out when compiling, so that each alternative is a tree to walk.

Source: EventBridge user guide, "Comparison operators for use in event patterns" and "Creating event patterns";
Lambda developer guide, "Control which events Lambda sends to your function", "Filter rule syntax".
"""

from pileus.delivery.patterns.matching import Pattern
from pileus.delivery.patterns.reading import InvalidPattern, compile, compile_object

__all__ = ["InvalidPattern", "Pattern", "compile", "compile_object"]

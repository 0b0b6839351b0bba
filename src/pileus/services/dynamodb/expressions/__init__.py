"""DynamoDB's expression languages and their legacy forms. Pure functions, no transaction.

    bound = bind(request, "UpdateExpression", "ConditionExpression")   # what the operation takes, for one error's text
    bound.condition.holds(item or None) -> bool                        # each part is None where the request has none
    bound.filter.holds(item); bound.filter.refuse_keys(key_names); bound.filter.attributes
    bound.projection.of(item) -> dict; bound.projection.attributes     # an empty dict where the item has nothing of it
    bound.update.apply(item, key_names, is_new=...) -> Updated         # .item; .touched.of(old or new): UPDATED_OLD/_NEW
    bound.key_condition.on(KeyAttribute("p", "S"), KeyAttribute("c", "N") or None) -> KeyCondition
                                                                       # .partition value; .sort: None or KeyTest
    bound.search_condition.on({"tenant": "S"}, "tenant") -> the partition's value, or None; .holds(item)

bound.update.creates_item tells whether it makes an item where none is (a mere REMOVE doesn't); an empty
AttributeUpdates is no update (None), and UpdateItem without any makes the item of its key.
A table with no item for the key: pass apply() the key alone as `item` with is_new=True (REMOVE and DELETE of nested
paths are then idle, as on AWS); holds() takes None.

    tokens grammar nodes reserved    text -> nodes, kept by text        placeholders   names and values of the request
    condition update projection      nodes -> programs                  key_condition  nodes -> tests of key attributes
    search_condition                 nodes -> tests of a search schema's attributes
    compiling binding                the above put together, and kept   documents      paths
    legacy                           Expected, AttributeUpdates, KeyConditions, … -> the same programs
"""

from pileus.services.dynamodb.expressions.binding import Bound, BoundCondition, BoundUpdate, bind
from pileus.services.dynamodb.expressions.key_condition import KeyAttribute, KeyCondition, KeyTest, Tests
from pileus.services.dynamodb.expressions.projection import Projection
from pileus.services.dynamodb.expressions.search_condition import SearchCondition
from pileus.services.dynamodb.expressions.update import Updated

__all__ = [
    "Bound",
    "BoundCondition",
    "BoundUpdate",
    "KeyAttribute",
    "KeyCondition",
    "KeyTest",
    "Projection",
    "SearchCondition",
    "Tests",
    "Updated",
    "bind",
]

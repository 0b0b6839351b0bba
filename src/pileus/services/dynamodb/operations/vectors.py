"""Searching vector indexes."""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.operations.turns import in_turns
from pileus.services.dynamodb.parameters import detail_of
from pileus.services.dynamodb.state import searching
from pileus.services.dynamodb.state.records import TOP_K_MAX


async def search_vectors(call: Call, request: dict) -> dict:
    """The items of a vector index that are nearest to a vector, up to 100, the nearest first.

    request  SearchVectorsInput. SearchVector is a list of numbers, without the L of an attribute
    returns  SearchVectorsOutput. An Item is without its vector, unless the ProjectionExpression names it; what the index
             doesn't project is not there
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, SearchVectors
    """
    top = request["TopK"]
    if top > TOP_K_MAX:
        raise ValidationException(
            f"Provided TopK value '{top}' is out of valid range. The value must be between 1 and {TOP_K_MAX} inclusive"
        )
    vector = searching.query_vector(request["SearchVector"])
    bound = bind(request, "SearchConditionExpression", "ProjectionExpression")
    condition = bound.search_condition
    if condition is not None and condition.has_functions:
        raise NotImplementedByUs("dynamodb:SearchVectors with functions in a SearchConditionExpression")
    asked = searching.Search(request["IndexName"], vector, top, condition, bound.projection)
    found = await in_turns(call, searching.search, of_name(call, request["TableName"]), asked)
    answer: dict = {"SearchResults": found.results}
    if detail_of(request):
        answer["ConsumedCapacity"] = {"VectorSearchRequestBytes": found.request_bytes}
    return answer

"""What CreateTable and UpdateTable ask for of vector indexes, checked and as records; and as the API describes them.

Source: API reference, VectorIndex, CreateVectorIndexAction, SearchSchemaElement; developer guide, "Quotas in Amazon
DynamoDB" ("Vector indexes"). The texts about billing, dimensions, the number of indexes and undefined attributes are those
of recorded answers; the others are as near as we know (docs/judges-dynamodb.md, "Doubts").
"""

from collections.abc import Iterable, Sequence

from pileus.services.dynamodb import schemas
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.state.records import (
    DIMENSIONS_MAX,
    HASH,
    INCLUDED_PER_INDEX_MAX,
    INLINE_FILTERS_MAX,
    VECTOR_INDEXES_MAX,
    SecondaryIndex,
    VectorIndex,
)

ON_DEMAND_ONLY = "Vector indexes are only supported for PAY_PER_REQUEST tables"


def new_indexes(
    asked: list[dict] | None, types: dict[str, str], billing: str, others: Iterable[SecondaryIndex]
) -> tuple[VectorIndex, ...]:
    """VectorIndexes of CreateTable; their ids are given by the transition. others: the table's other indexes."""
    if asked is None:
        return ()
    if not asked:
        raise invalid("List of VectorIndexes is empty")
    check_billing(billing)
    if len(asked) > VECTOR_INDEXES_MAX:
        raise invalid(f"VectorIndex count exceeds the per-table limit of {VECTOR_INDEXES_MAX}")
    found = tuple(new_index(one, types) for one in asked)
    names = {index.name for index in others}
    for index in found:
        if index.name in names:
            raise invalid(f"Duplicate index name: {index.name}")
        names.add(index.name)
    check_together(found)
    return found


def new_index(asked: dict, types: dict[str, str]) -> VectorIndex:
    """types: of the attributes that the request defines."""
    if asked["Dimensions"] > DIMENSIONS_MAX:
        raise invalid(f"Number of dimensions must be between 1 and {DIMENSIONS_MAX} inclusive.")
    schema = schema_of(asked)
    names = [name for name, _ in schema]
    if any(name not in types for name in names):
        raise invalid("One element in SearchSchema is not defined in attribute definitions")
    if len(set(names)) < len(names):
        raise invalid("SearchSchema contains a duplicate AttributeName")
    filters = sum(kind != HASH for _, kind in schema)
    if len(schema) - filters > 1:
        raise invalid("SearchSchema contains more than one HASH element")
    if filters > INLINE_FILTERS_MAX:
        raise invalid(
            f"Number of INLINE_FILTER elements in SearchSchema exceeds per-index limit of {INLINE_FILTERS_MAX}"
        )
    attribute = asked["VectorAttribute"]["AttributeName"]
    if attribute in types:
        raise invalid(f"Conflicting attribute definition for '{attribute}'.")
    projection = schemas.projection_of(asked["Projection"])
    # The vector counts as one. Source: API reference, CreateTable (Projection of VectorIndexes).
    if projection.included and len(projection.included) + 1 + filters > INCLUDED_PER_INDEX_MAX:
        raise invalid(f"Number of NonKeyAttributes exceeds per-index limit of {INCLUDED_PER_INDEX_MAX}")
    return VectorIndex(
        0,
        asked["IndexName"],
        attribute,
        asked["Dimensions"],
        asked["DistanceFunction"],
        projection,
        schema,
        tuple(types[name] for name in names),
    )


def schema_of(asked: dict) -> tuple[tuple[str, str], ...]:
    elements = asked.get("SearchSchema") or ()
    return tuple((one["AttributeName"], one["SearchSchemaElementType"]) for one in elements)


def searched_names(asked: list[dict] | None) -> list[str]:
    """The attributes that search schemas need defined."""
    return [name for one in asked or () for name, _ in schema_of(one)]


def check_billing(billing: str) -> None:
    if billing != schemas.ON_DEMAND:
        raise invalid(ON_DEMAND_ONLY)


def check_together(indexes: Sequence[VectorIndex]) -> None:
    """What holds of all vector indexes of a table together."""
    dimensions: dict[str, int] = {}
    for index in indexes:
        if dimensions.setdefault(index.attribute, index.dimensions) != index.dimensions:
            raise invalid(
                f"Conflicting attribute definition for '{index.attribute}'. All VectorIndexes on the same vector "
                "attribute must use the same dimensions."
            )


def kept_out(index: VectorIndex) -> dict:
    """VectorIndexInfo: what was asked for."""
    out = {
        "IndexName": index.name,
        "VectorAttribute": {"AttributeName": index.attribute},
        "Projection": schemas.projection_out(index.projection),
        "Dimensions": index.dimensions,
        "DistanceFunction": index.distance,
    }
    if index.schema:
        out["SearchSchema"] = [{"AttributeName": name, "SearchSchemaElementType": kind} for name, kind in index.schema]
    return out

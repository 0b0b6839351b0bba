"""Tags of rules and event buses, by their ARNs."""

from pileus.kernel import tags as kernel_tags
from pileus.kernel.call import Call
from pileus.services.events import errors, names
from pileus.services.events.state import buses, rules
from pileus.services.events.state.tables import require_bus, require_rule
from pileus.store.transaction import Transaction


async def list_tags_for_resource(call: Call, request: dict) -> dict:
    """Source: API reference, ListTagsForResource"""
    tags = await call.read(_tags_of, _resource_in(request))
    return {"Tags": kernel_tags.to_list(tags)}


async def tag_resource(call: Call, request: dict) -> dict:
    """Set tags; one of the same key is replaced. Source: API reference, TagResource"""
    await call.write(_change, call, _resource_in(request), tags_in(call, request["Tags"]), [])
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Remove tags; keys that no tag has are no error. Source: API reference, UntagResource"""
    await call.write(_change, call, _resource_in(request), {}, request["TagKeys"])
    return {}


def tags_in(call: Call, tags: list[dict] | None) -> dict[str, str]:
    """errors   ValidationException"""
    found = kernel_tags.from_list(tags)
    # Stacks set their aws:cloudformation:… from inside.
    problem = kernel_tags.tag_problem(found, own=not call.is_from_outside)
    if problem is not None:
        raise errors.ValidationException(problem)
    return found


def _resource_in(request: dict) -> names.BusKey | names.RuleKey:
    arn = request["ResourceARN"]
    found = names.rule_of_arn(arn) or names.bus_of_arn(arn)
    if found is None:
        raise errors.ValidationException(
            f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )
    return found


def _tags_of(tx: Transaction, resource: names.BusKey | names.RuleKey) -> dict[str, str]:
    return (require_rule if isinstance(resource, names.RuleKey) else require_bus)(tx, resource).tags


def _change(
    tx: Transaction, call: Call, resource: names.BusKey | names.RuleKey, put: dict[str, str], remove: list[str]
) -> None:
    tags = {key: value for key, value in {**_tags_of(tx, resource), **put}.items() if key not in remove}
    if len(tags) > kernel_tags.MAX_TAGS:
        raise errors.ValidationException(f"Too many tags: at most {kernel_tags.MAX_TAGS} are allowed.")
    if isinstance(resource, names.RuleKey):
        rules.change_tags(tx, resource, tags, by=call.principal.service)
    else:
        buses.change(tx, resource, {"tags": tags})

"""What UpdateTable asks for of a global table's members, its replicas and its witness: checked by itself, then against the
group as it is.

A group of eventual consistency takes one replica at a time; a replica may leave it and stay as a table of its own. One of
strong consistency is made whole, of three regions one of which may be a witness that keeps no table, stays as it is, and
goes whole.

Source: API reference, UpdateTable, ReplicationGroupUpdate, GlobalTableWitnessGroupUpdate; developer guide, "How DynamoDB
global tables work" ("Consistency modes"), "Disassociating a global table replica". The texts and the order of checking
were recorded on AWS in October 2026, but for those about local indexes, TTL and disassociation.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import OF_STRONG, NotOneAlone, invalid
from pileus.services.dynamodb.state.records import STRONG, TableRecord

STRONG_REGIONS = frozenset(
    (
        *("us-east-1", "us-east-2", "us-west-2"),
        *("eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    )
)
"""Where there are replicas and witnesses of strong consistency. Source: developer guide, "Multi-Region strong consistency"."""
KINDS = ("Create", "Update", "Delete", "Disassociate")
ONE_AT_A_TIME = "Update table operation with more than one create or delete replica actions not allowed"


class GroupChanges(NamedTuple):
    """
    replicas     kind (of KINDS) and action, of one kind
    witness      (Create or Delete, region); None: nothing is asked of it
    consistency  MultiRegionConsistency, "" where it isn't given
    """

    replicas: list[tuple[str, dict]]
    witness: tuple[str, str] | None
    consistency: str

    @property
    def regions(self) -> list[str]:
        return [action["RegionName"] for _, action in self.replicas]


def read(request: dict, others: Iterable[str]) -> GroupChanges:
    """What holds whatever the group is like. Raises ValidationException.

    others   what else can be asked of a table: none of it goes with these
    """
    asked = GroupChanges(_replicas(request), _witness(request), request.get("MultiRegionConsistency") or "")
    has_others = any(request.get(name) not in (None, []) for name in others)
    if asked.witness is not None or asked.consistency == STRONG:
        if has_others:
            raise ValidationException("Requests that modify replicas or witnesses must not also modify other fields")
        if asked.witness is not None and asked.witness[0] == "Create" and asked.consistency != STRONG:
            raise ValidationException(
                "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present."
            )
    if asked.consistency == STRONG:
        _check_strong(asked)
    kinds = [kind for kind, _ in asked.replicas]
    if asked.consistency != STRONG and kinds.count("Create") > 1:
        raise ValidationException(ONE_AT_A_TIME)
    if kinds and "Update" not in kinds and has_others:
        raise invalid("Replica modification must be the only operation in the request")
    for region in asked.regions:
        if asked.regions.count(region) > 1:
            raise invalid(f"ReplicaUpdates must not contain more than one update of the same region: {region}")
    return asked


def _replicas(request: dict) -> list[tuple[str, dict]]:
    """The same said twice is said once."""
    asked: list[tuple[str, dict]] = []
    for update in request.get("ReplicaUpdates") or ():
        given = [(kind, update[kind]) for kind in KINDS if update.get(kind) is not None]
        if len(given) > 1:
            raise ValidationException("Update table operation with more than one type of replica actions not allowed.")
        if not given or (given[0][0] == "Update" and set(given[0][1]) == {"RegionName"}):
            raise ValidationException("There are no actions specified in the Replica Update Action of the request.")
        if given[0] not in asked:
            asked += given
    kinds = [kind for kind, _ in asked]
    if len(set(kinds)) > 1:
        raise ValidationException("Update table operation with more than one type of replica actions not allowed.")
    if kinds.count("Disassociate") > 1:
        raise ValidationException("The Disassociate action must be the only replica update in the request.")
    return asked


def _witness(request: dict) -> tuple[str, str] | None:
    updates = request.get("GlobalTableWitnessUpdates") or ()
    given = [(kind, update[kind]["RegionName"]) for update in updates for kind in KINDS if update.get(kind) is not None]
    if updates and len(given) != 1:
        raise ValidationException("There are no actions specified in the Witness Update Action of the request.")
    return given[0] if given else None


def _check_strong(asked: GroupChanges) -> None:
    """Of a group that is to be made."""
    if any(kind != "Create" for kind, _ in asked.replicas):
        raise ValidationException(
            "Only Replica Create actions are supported when MultiRegionConsistency parameter is provided."
        )
    witness = [] if asked.witness is None or asked.witness[0] != "Create" else [asked.witness[1]]
    if len(asked.regions) + len(witness) != 2:
        raise ValidationException(f"Unsupported replica count for global tables {OF_STRONG}.")
    _check_regions([*asked.regions, *witness])
    if set(asked.regions) & set(witness):
        raise ValidationException("Cannot target multiple regions with the same action")


def _check_regions(regions: Iterable[str]) -> None:
    unsupported = [region for region in regions if region not in STRONG_REGIONS]
    if unsupported:
        raise ValidationException(
            f"Unsupported Region(s) specified for global tables {OF_STRONG}: [{', '.join(unsupported)}]."
        )


def check(asked: GroupChanges, table: TableRecord) -> None:
    """Whether the table's group can be changed so. Raises ValidationException."""
    if asked.consistency and table.replicas:
        raise ValidationException("MultiRegionConsistency parameter is unsupported on existing global table")
    if asked.consistency == STRONG:
        _check_begin(asked, table)
        return
    kinds = [kind for kind, _ in asked.replicas]
    if "Disassociate" in kinds:
        _check_leaves(asked, table)
    elif table.members and kinds:
        raise ValidationException(
            "Replicas of a multi-account global table are created, updated and deleted by the accounts that own them."
        )
    if table.is_strong and "Create" in kinds:
        raise ValidationException("Cannot add replicas to a global table with strong MultiRegionConsistency")
    if "Delete" in kinds and table.is_strong:
        _check_end(asked, table)
    elif asked.witness is not None:
        raise _no_witnesses(asked.witness[1])
    elif kinds.count("Delete") > 1:
        raise ValidationException(ONE_AT_A_TIME)


def _check_leaves(asked: GroupChanges, table: TableRecord) -> None:
    """Whether this replica can leave the group and stay. The texts are as near as we know."""
    if asked.regions != [table.region]:
        raise ValidationException(
            "Only the local replica can be disassociated. Send the request to the region of the replica."
        )
    if not table.replicas:
        raise ValidationException("Cannot disassociate a table that is not a replica of a global table.")
    if table.is_strong:
        raise ValidationException(f"Disassociation of a table replica is not supported for global tables {OF_STRONG}.")
    if table.is_bound:
        raise ValidationException(
            "Replica cannot be disassociated as it is currently protected against disassociation. Disable "
            "disassociation protection first."
        )


def _check_begin(asked: GroupChanges, table: TableRecord) -> None:
    _check_regions([table.region])
    if asked.witness is not None and asked.witness[1] == table.region:
        raise ValidationException(
            f"Cannot add a witness in the same region as an existing replica when creating a global table {OF_STRONG}."
        )
    if table.local_indexes:
        raise invalid(f"Local secondary indexes are not supported for global tables {OF_STRONG}.")
    if table.expires_by:
        raise invalid(f"Time to live is not supported for global tables {OF_STRONG}.")


def _check_end(asked: GroupChanges, table: TableRecord) -> None:
    if asked.witness is not None and asked.witness[1] != table.witness:
        raise _no_witnesses(asked.witness[1])
    if table.witness and asked.witness is None:
        raise ValidationException("Update table delete operation does not include all witnesses.")
    if set(table.replicas) - set(asked.regions):
        raise NotOneAlone()


def _no_witnesses(region: str) -> ValidationException:
    return ValidationException(
        "Update global table operation failed because one or more witnesses were not part of the global table. Please "
        f"retry the request without these witnesses: [{region}]."
    )

"""Functions and their versions: create, look up, change, publish, delete.

A change sets the version's update status to InProgress and emits PREPARE; when its files lie ready, `prepared` makes
it Active and Successful.
"""

import base64
from collections.abc import Iterator

from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import LATEST, FunctionRef, version_number
from pileus.services.lambda_.state import (
    ACCOUNT_CONCURRENCY,
    ALIASES,
    EVENT_INVOKE_CONFIGS,
    FUNCTIONS,
    POLICIES,
    UNRESERVED_CONCURRENCY_MIN,
    VERSIONS,
    Alias,
    Code,
    Configuration,
    Function,
    Policy,
    Version,
)
from pileus.services.lambda_.transitions.codes import (
    change_usage,
    hold_code,
    let_go_code,
    release_code,
    usage,
    use_code,
)
from pileus.store.blobs import Blob
from pileus.store.transaction import Transaction

PREPARE = "lambda.prepare"
"""Event: unpack and merge what a version needs."""

RETIRED = "lambda.retired"
"""Told: the execution environments with this key serve no more."""

PREPARED = "lambda.prepared"
"""Notice: a version has left Pending or InProgress."""

CHANGED = "lambda.function-changed"
"""Notice, one a function: see `changed_topic`."""

TAGS_LIMIT = 50


# Looking up


def require_function(tx: Transaction, ref: FunctionRef) -> Function:
    """errors   ResourceNotFoundException"""
    found = FUNCTIONS.get(tx, *ref.key)
    if found is None:
        raise errors.function_not_found(ref.arn)
    return found


def require_version(tx: Transaction, ref: FunctionRef) -> Version:
    """The version that a qualifier means; of an alias its main version.

    errors   ResourceNotFoundException
    """
    qualifier = ref.qualifier or LATEST
    if qualifier != LATEST and not qualifier.isdigit():
        qualifier = require_alias(tx, ref).version
    found = labelled_version(tx, ref, qualifier)
    if found is None:
        raise errors.function_not_found(ref.arn)
    return found


def labelled_version(tx: Transaction, ref: FunctionRef, label: str) -> Version | None:
    """$LATEST or a number, of the function that `ref` names."""
    number = version_number(label)
    return None if number is None else VERSIONS.get(tx, *ref.key, number)


def require_alias(tx: Transaction, ref: FunctionRef) -> Alias:
    """errors   ResourceNotFoundException"""
    found = ALIASES.get(tx, *ref.key, ref.qualifier or "")
    if found is None:
        if not FUNCTIONS.has(tx, *ref.key):
            raise errors.function_not_found(ref.arn)
        raise errors.alias_not_found(ref.arn)
    return found


def require_qualifier(tx: Transaction, ref: FunctionRef) -> None:
    """errors   ResourceNotFoundException where there is no such function, version or alias"""
    if ref.qualifier is None:
        require_function(tx, ref)
    else:
        require_version(tx, ref)


def choose_version(tx: Transaction, ref: FunctionRef, share: float) -> tuple[Version, Function]:
    """The version that serves an invocation; `share`, from 0 to 1, decides where an alias has weights."""
    function = FUNCTIONS.get(tx, *ref.key)
    qualifier = ref.qualifier
    if qualifier is not None and qualifier != LATEST and not qualifier.isdigit():
        alias = require_alias(tx, ref)
        qualifier = alias.version
        for label, weight in alias.weights.items():
            share -= weight
            if share < 0:
                qualifier = label
                break
    version = labelled_version(tx, ref, qualifier or LATEST)
    if function is None or version is None:
        raise errors.function_not_found(ref.arn)
    return version, function


def list_functions(tx: Transaction, account: str, region: str, after: str, limit: int) -> list[Version]:
    """$LATEST of up to `limit` functions, by name."""
    found = []
    for function in FUNCTIONS.scan(tx, account, region, after=after or None):
        if len(found) == limit:
            break
        latest = VERSIONS.get(tx, account, region, function.name, 0)
        assert latest is not None
        found.append(latest)
    return found


def list_all_versions(tx: Transaction, account: str, region: str, after: list | None, limit: int) -> list[Version]:
    return _up_to(VERSIONS.scan(tx, account, region, after=None if after is None else tuple(after)), limit)


def list_versions(tx: Transaction, ref: FunctionRef, after: int | None, limit: int) -> list[Version]:
    require_function(tx, ref)
    return _up_to(VERSIONS.scan(tx, *ref.key, after=after), limit)


def _up_to(rows: Iterator[Version], limit: int) -> list[Version]:
    return [row for row, _ in zip(rows, range(limit), strict=False)]


# Creating and changing


def create_function(
    tx: Transaction,
    ref: FunctionRef,
    configuration: Configuration,
    code: Code,
    blob: Blob | None,
    tags: dict[str, str],
    *,
    and_publish: bool = False,
) -> Version:
    """Return $LATEST, or its first version where that is wanted too.

    errors   ResourceConflictException, CodeStorageExceededException
    """
    if FUNCTIONS.has(tx, *ref.key):
        raise errors.ResourceConflictException(f"Function already exist: {ref.name}")
    FUNCTIONS.insert(tx, Function(*ref.key, tx.now_ms, tags=tags))
    version = Version(
        *ref.key,
        0,
        configuration,
        revision_id=tx.ids.uuid(),
        environment_key=tx.ids.hex(32),
        modified_at_ms=tx.now_ms,
        state_reason="The function is being created.",
        state_reason_code="Creating",
    )
    use_code(tx, ref.account, ref.region, code, blob)
    for layer in configuration.layers:
        hold_code(tx, layer.digest)
    VERSIONS.insert(tx, version)
    change_usage(tx, ref.account, ref.region, functions=1)
    _prepare(tx, version)
    return publish(tx, ref) if and_publish else version


def update_function(
    tx: Transaction,
    ref: FunctionRef,
    changes: dict,
    *,
    revision_id: str | None = None,
    code: Code | None = None,
    blob: Blob | None = None,
    and_publish: bool = False,
) -> Version:
    """Change $LATEST: `changes` are fields of its configuration; `code` and `blob` replace its code.

    Return $LATEST, or the version that is published of it.

    errors   ResourceNotFoundException, ResourceConflictException, PreconditionFailedException
    """
    require_function(tx, ref)
    latest = require_version(tx, FunctionRef(*ref.key))
    require_revision(revision_id, latest.revision_id)
    require_settled(latest)
    before = latest.configuration
    if code is not None:
        changes = {**changes, "code_digest": code.digest, "code_bytes": code.size_bytes}
        changes["unzipped_bytes"] = code.unzipped_bytes
        use_code(tx, ref.account, ref.region, code, blob)
        release_code(tx, ref.account, ref.region, before.code_digest)
    after = replace(before, **changes)
    if "layers" in changes:
        for layer in after.layers:
            hold_code(tx, layer.digest)
        for layer in before.layers:
            let_go_code(tx, layer.digest)
    updated = replace(
        latest,
        configuration=after,
        revision_id=tx.ids.uuid(),
        environment_key=tx.ids.hex(32),
        modified_at_ms=tx.now_ms,
        update_status="InProgress",
        update_reason="The function is being created.",
        update_reason_code="Creating",
    )
    VERSIONS.put(tx, updated)
    tx.tell(RETIRED, latest.environment_key)
    _prepare(tx, updated)
    return publish(tx, ref) if and_publish else updated


def require_revision(asked: str | None, current: str) -> None:
    """errors   PreconditionFailedException"""
    if asked and asked != current:
        raise errors.PreconditionFailedException()


def require_settled(version: Version) -> None:
    """errors   ResourceConflictException while an earlier change is being made ready"""
    if version.state == "Pending":
        raise errors.ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
    if version.update_status == "InProgress":
        raise errors.ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for resource: "
            + version.unqualified_arn
        )


def _prepare(tx: Transaction, version: Version) -> None:
    tx.emit(PREPARE, {"key": [version.account, version.region, version.name, version.number]})


def prepared(tx: Transaction, version: Version, failure: str | None) -> None:
    """The files of `version` lie ready, or (its reason) can't be made so. Of no effect if it changed meanwhile."""
    now = VERSIONS.get(tx, version.account, version.region, version.name, version.number)
    if now is None or now.revision_id != version.revision_id:
        return
    if failure is None:
        done = replace(now, state="Active", state_reason="", state_reason_code="")
        done = replace(done, update_status="Successful", update_reason="", update_reason_code="")
    elif now.state == "Pending":
        done = replace(now, state="Failed", state_reason=failure, state_reason_code="InvalidZipFileException")
    else:
        done = replace(now, update_status="Failed", update_reason=failure, update_reason_code="InvalidZipFileException")
    VERSIONS.put(tx, done)
    tx.notify(PREPARED)
    tx.notify(changed_topic(version.ref))


def changed_topic(ref: FunctionRef) -> str:
    """Notified when what can be invoked of this one function may be another than before: a version of it is ready or
    gone, an alias was made, changed or deleted."""
    return f"{CHANGED}/{ref.account}/{ref.region}/{ref.name}"


def find_version(tx: Transaction, account: str, region: str, name: str, number: int) -> Version | None:
    return VERSIONS.get(tx, account, region, name, number)


# Publishing and deleting


def publish(
    tx: Transaction,
    ref: FunctionRef,
    *,
    description: str | None = None,
    code_sha256: str | None = None,
    revision_id: str | None = None,
) -> Version:
    """Freeze $LATEST as a new version; nothing new if neither code nor configuration changed since the last one.

    errors   ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException
    """
    function = require_function(tx, ref)
    latest = require_version(tx, FunctionRef(*ref.key))
    require_revision(revision_id, latest.revision_id)
    digest = latest.configuration.code_digest
    if code_sha256 is not None and code_sha256 != digest_out(digest):
        raise errors.InvalidParameterValueException(
            f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({digest_out(digest)}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    newest = VERSIONS.get(tx, *ref.key, function.last_version) if function.last_version else None
    if newest is not None and _is_of(newest, latest):
        return newest
    number = function.last_version + 1
    FUNCTIONS.put(tx, replace(function, last_version=number))
    configuration = latest.configuration
    if description is not None:
        configuration = replace(configuration, description=description)
    code = Code(digest, "", configuration.code_bytes, configuration.unzipped_bytes)
    use_code(tx, ref.account, ref.region, code)
    for layer in configuration.layers:
        hold_code(tx, layer.digest)
    version = replace(
        latest,
        number=number,
        configuration=configuration,
        revision_id=tx.ids.uuid(),
        environment_key=tx.ids.hex(32),
        modified_at_ms=tx.now_ms,
        published_from=latest.configuration.description,
    )
    VERSIONS.insert(tx, version)
    VERSIONS.put(tx, replace(latest, revision_id=tx.ids.uuid()))
    _prepare(tx, version)
    if latest.state == "Pending" or latest.update_status == "InProgress":
        _prepare(tx, latest)  # its own is for the revision before
    return version


def _is_of(version: Version, latest: Version) -> bool:
    """Whether $LATEST is what it was when `version` was published of it, under a description that may be its own.

    Another description of $LATEST is a change: deployments force a version by it (aws-cdk, issue 5334).
    """
    now = latest.configuration
    known = now.description if version.published_from is None else version.published_from
    return replace(version.configuration, description=known) == now


def digest_out(digest: str) -> str:
    """CodeSha256 is the digest in base64."""
    return base64.b64encode(bytes.fromhex(digest)).decode()


def delete_function(tx: Transaction, ref: FunctionRef) -> None:
    """The function with everything that hangs on it."""
    function = require_function(tx, ref)
    for version in list(VERSIONS.scan(tx, *ref.key)):
        _remove_version(tx, version)
    for table in (ALIASES, POLICIES, EVENT_INVOKE_CONFIGS):
        table.delete_all(tx, *ref.key)
    FUNCTIONS.delete(tx, *ref.key)
    change_usage(tx, *ref.key[:2], functions=-1, reserved_concurrency=-(function.reserved_concurrency or 0))


def delete_version(tx: Transaction, ref: FunctionRef) -> None:
    """errors   InvalidParameterValueException for $LATEST and aliases, ResourceConflictException while one points there"""
    require_function(tx, ref)
    if ref.qualifier == LATEST:
        raise errors.InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not (ref.qualifier or "").isdigit():
        raise errors.InvalidParameterValueException(
            "Deletion of aliases is not currently supported by DeleteFunction. Use DeleteAlias."
        )
    version = labelled_version(tx, ref, ref.qualifier or "")
    if version is None:
        return  # as AWS does: deleting what is gone succeeds
    pointing = [alias.alias for alias in ALIASES.scan(tx, *ref.key) if version.label in (alias.version, *alias.weights)]
    if pointing:
        raise errors.ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(pointing)}]"
        )
    _remove_version(tx, version)
    POLICIES.delete(tx, *ref.key, version.label)
    EVENT_INVOKE_CONFIGS.delete(tx, *ref.key, version.label)


def _remove_version(tx: Transaction, version: Version) -> None:
    release_code(tx, version.account, version.region, version.configuration.code_digest)
    for layer in version.configuration.layers:
        let_go_code(tx, layer.digest)
    VERSIONS.delete(tx, version.account, version.region, version.name, version.number)
    tx.tell(RETIRED, version.environment_key)
    tx.notify(changed_topic(version.ref))


# What belongs to all versions


def reserve_concurrency(tx: Transaction, ref: FunctionRef, reserved: int | None) -> None:
    """errors   InvalidParameterValueException where too little would be left for the other functions"""
    function = require_function(tx, ref)
    used = usage(tx, *ref.key[:2])
    change = (reserved or 0) - (function.reserved_concurrency or 0)
    if change > 0 and ACCOUNT_CONCURRENCY - used.reserved_concurrency - change < UNRESERVED_CONCURRENCY_MIN:
        raise errors.InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED_CONCURRENCY_MIN}]."
        )
    FUNCTIONS.put(tx, replace(function, reserved_concurrency=reserved))
    if change:
        change_usage(tx, *ref.key[:2], reserved_concurrency=change)


def change_tags(tx: Transaction, ref: FunctionRef, put: dict[str, str], remove: tuple[str, ...] = ()) -> None:
    """errors   ResourceNotFoundException, InvalidParameterValueException past 50 tags"""
    function = require_function(tx, ref)
    tags = {key: value for key, value in {**function.tags, **put}.items() if key not in remove}
    if len(tags) > TAGS_LIMIT:
        raise errors.InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    FUNCTIONS.put(tx, replace(function, tags=tags))


def find_policy(tx: Transaction, ref: FunctionRef) -> Policy | None:
    return POLICIES.get(tx, *ref.key, ref.qualifier or "")

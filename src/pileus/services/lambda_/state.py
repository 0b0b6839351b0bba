"""What Lambda keeps, and its quotas.

A function is a `Function` (what all its versions share) and `Version`s; the one numbered 0 is $LATEST. Code lies once,
by its digest, and counts who uses it. All but code belongs to an account and a region.
"""

import msgspec

from pileus.services.lambda_.names import LATEST, FunctionRef, function_arn, mapping_arn
from pileus.store.table import Index, Table

# Quotas. Source: developer guide, "Lambda quotas", unless said otherwise.
ACCOUNT_CONCURRENCY = 1000
UNRESERVED_CONCURRENCY_MIN = 100
CODE_STORAGE_LIMIT_BYTES = 80_530_636_800
ZIPPED_LIMIT_BYTES = 52_428_800
"""Direct upload; from S3 only the unzipped size counts."""
UNZIPPED_LIMIT_BYTES = 262_144_000
ENVIRONMENT_LIMIT_BYTES = 4096
LAYERS_PER_FUNCTION = 5
POLICY_LIMIT_BYTES = 20_480
SYNC_PAYLOAD_LIMIT_BYTES = 6_291_456
ASYNC_PAYLOAD_LIMIT_BYTES = 1_048_576
TIMEOUT_LIMIT_S = 900
MEMORY_LIMIT_MIB = 10_240
EPHEMERAL_STORAGE_LIMIT_MIB = 10_240
RETRIES = 2
EVENT_AGE_LIMIT_S = 21_600
"""Source: developer guide, "How Lambda handles errors and retries with asynchronous invocation"."""


class LayerUse(msgspec.Struct, frozen=True):
    """A layer version in a function: usable there also after the layer version was deleted."""

    arn: str
    digest: str
    size_bytes: int
    unzipped_bytes: int


class Function(msgspec.Struct, frozen=True):
    """
    last_version            number of the newest version ever published; numbers are never given twice
    reserved_concurrency    None: it shares the account's unreserved concurrency
    """

    account: str
    region: str
    name: str
    created_at_ms: int
    last_version: int = 0
    reserved_concurrency: int | None = None
    tags: dict[str, str] = {}


class Configuration(msgspec.Struct, frozen=True):
    """What a version runs with: the part that publishing freezes, and that decides whether anything changed."""

    runtime: str
    role: str
    handler: str
    code_digest: str
    code_bytes: int
    unzipped_bytes: int
    timeout_s: int = 3
    memory_mib: int = 128
    ephemeral_storage_mib: int = 512
    environment: dict[str, str] = {}
    layers: tuple[LayerUse, ...] = ()
    architecture: str = "x86_64"
    tracing: str = "PassThrough"
    dead_letter_arn: str = ""
    log_format: str = "Text"
    log_group: str = ""
    application_log_level: str = ""
    system_log_level: str = ""
    description: str = ""


class Version(msgspec.Struct, frozen=True):
    """
    number           0 is $LATEST
    environment_key  of the execution environments that run it: a new one whenever what they run with changes
    state            Pending, Active, Inactive or Failed; update_status: InProgress, Successful or Failed
    """

    account: str
    region: str
    name: str
    number: int
    configuration: Configuration
    revision_id: str
    environment_key: str
    modified_at_ms: int
    state: str = "Pending"
    state_reason: str = ""
    state_reason_code: str = ""
    update_status: str = "Successful"
    update_reason: str = ""
    update_reason_code: str = ""
    published_from: str | None = None
    """The description of $LATEST when this was published of it; None where that was not kept yet."""

    @property
    def label(self) -> str:
        return str(self.number) if self.number else LATEST

    @property
    def ref(self) -> FunctionRef:
        return FunctionRef(self.account, self.region, self.name, self.label)

    @property
    def unqualified_arn(self) -> str:
        return function_arn(self.account, self.region, self.name)


class Alias(msgspec.Struct, frozen=True):
    """`weights`: version -> share of the invocations that goes there instead of to `version`."""

    account: str
    region: str
    name: str
    alias: str
    version: str
    revision_id: str
    description: str = ""
    weights: dict[str, float] = {}


class Policy(msgspec.Struct, frozen=True):
    """Resource policy of a function ("" as qualifier), of one of its versions or aliases."""

    account: str
    region: str
    name: str
    qualifier: str
    revision_id: str
    statements: tuple[dict, ...] = ()


class EventInvokeConfig(msgspec.Struct, frozen=True):
    """How asynchronous invocations of one qualifier ($LATEST where none is named) are retried and reported.

    None: not said, so the default holds
    """

    account: str
    region: str
    name: str
    qualifier: str
    modified_at_ms: int
    retries: int | None = None
    event_age_limit_s: int | None = None
    on_success_arn: str | None = None
    on_failure_arn: str | None = None


class Layer(msgspec.Struct, frozen=True):
    account: str
    region: str
    name: str
    last_version: int = 0


class LayerVersion(msgspec.Struct, frozen=True):
    account: str
    region: str
    name: str
    number: int
    digest: str
    size_bytes: int
    unzipped_bytes: int
    created_at_ms: int
    description: str = ""
    license: str = ""
    runtimes: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None
    policy_revision_id: str = ""
    statements: tuple[dict, ...] = ()


class Code(msgspec.Struct, frozen=True):
    """A zip, by the SHA-256 of its bytes (hexadecimal). It goes with its last reference."""

    digest: str
    blob_id: str
    size_bytes: int
    unzipped_bytes: int
    references: int = 0


class Usage(msgspec.Struct, frozen=True):
    """What an account uses in a region."""

    account: str
    region: str
    functions: int = 0
    code_bytes: int = 0
    reserved_concurrency: int = 0


class AsyncEvent(msgspec.Struct, frozen=True):
    """An event accepted with 202, kept until it was handled, given up, or passed on.

    qualifier  as asked for; an alias is resolved at each attempt
    runs       invocations that ended in a function error
    throttled  attempts that did not reach the function
    """

    id: str
    account: str
    region: str
    name: str
    qualifier: str | None
    request_id: str
    payload: bytes
    accepted_at_ms: int
    trace_id: str | None = None
    runs: int = 0
    throttled: int = 0


class Polling(msgspec.Struct, frozen=True):
    """How an event source mapping reads and hands over: what requests may change. -1 is without a limit, as AWS has it.

    max_concurrency     queues; None: no limit of its own
    age_limit_s         of a stream's records, as `retries`, `bisects`, `parallelization`, `tumbling_s`, `on_failure_arn`
    """

    batch_size: int
    window_s: int = 0
    filters: tuple[str, ...] = ()
    reports_failures: bool = False
    max_concurrency: int | None = None
    parallelization: int = 1
    bisects: bool = False
    retries: int = -1
    age_limit_s: int = -1
    tumbling_s: int = 0
    on_failure_arn: str = ""


class EventSourceMapping(msgspec.Struct, frozen=True):
    """
    qualifier    of the function, as asked for
    state        Creating, Enabling, Enabled, Disabling, Disabled, Updating or Deleting
    is_enabled   where it is going, or has come
    revision     one more at each change: what was prepared for an earlier one is of no effect
    last_result  of the last batch; "" before the first
    """

    account: str
    region: str
    id: str
    name: str
    qualifier: str | None
    source_arn: str
    polling: Polling
    state: str
    is_enabled: bool
    modified_at_ms: int
    revision: int = 0
    starting_position: str = ""
    starting_at_ms: int | None = None
    last_result: str = ""
    tags: dict[str, str] = {}

    @property
    def ref(self) -> FunctionRef:
        return FunctionRef(self.account, self.region, self.name, self.qualifier)

    @property
    def arn(self) -> str:
        return mapping_arn(self.account, self.region, self.id)

    @property
    def is_of_queue(self) -> bool:
        """Queues have no starting position."""
        return not self.starting_position


class Secret(msgspec.Struct, frozen=True):
    """Signs the addresses that Code.Location gives."""

    name: str
    value: bytes


FUNCTIONS = Table("lambda.functions", Function, key=lambda row: (row.account, row.region, row.name))
VERSIONS = Table(
    "lambda.versions",
    Version,
    key=lambda row: (row.account, row.region, row.name, row.number),
)
ALIASES = Table("lambda.aliases", Alias, key=lambda row: (row.account, row.region, row.name, row.alias))
POLICIES = Table("lambda.policies", Policy, key=lambda row: (row.account, row.region, row.name, row.qualifier))
EVENT_INVOKE_CONFIGS = Table(
    "lambda.event-invoke-configs",
    EventInvokeConfig,
    key=lambda row: (row.account, row.region, row.name, row.qualifier),
)
LAYERS = Table("lambda.layers", Layer, key=lambda row: (row.account, row.region, row.name))
LAYER_VERSIONS = Table(
    "lambda.layer-versions",
    LayerVersion,
    key=lambda row: (row.account, row.region, row.name, row.number),
)
CODES = Table("lambda.codes", Code, key=lambda row: (row.digest,))
USAGES = Table("lambda.usages", Usage, key=lambda row: (row.account, row.region))
ASYNC_EVENTS = Table("lambda.async-events", AsyncEvent, key=lambda row: (row.id,))
EVENT_SOURCE_MAPPINGS = Table(
    "lambda.event-source-mappings",
    EventSourceMapping,
    key=lambda row: (row.account, row.region, row.id),
    by_function=Index(lambda row: (row.account, row.region, row.ref.arn, row.id)),
    by_source=Index(lambda row: (row.account, row.region, row.source_arn, row.id)),
)
SECRETS = Table("lambda.secrets", Secret, key=lambda row: (row.name,))

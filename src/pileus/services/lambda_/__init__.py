"""AWS Lambda."""

from pileus.kernel.service import Service
from pileus.services.lambda_ import authorize, background, errors, mapping_settings, settings
from pileus.services.lambda_.code import ROUTE, download
from pileus.services.lambda_.operations import account, functions, invocations, layers, mappings, permissions, versions

NO_DESTINATION = "a destination of a service that is not here"
NOT_OF_CODE = ("ImageUri", "SourceKMSKeyArn", "S3ObjectStorageMode REFERENCE")
NOT_OF_MAPPINGS = (
    *mapping_settings.NOT_HONOURED,
    "a service that is not here as the event source",
    "a Kafka topic as destination",
    NO_DESTINATION,
    "TumblingWindowInSeconds with a ParallelizationFactor above 1",
)
NOT_OF_SETTINGS = (
    *settings.NOT_HONOURED,
    "LoggingConfig.LogFormat JSON",
    "the Lambda runtime java…, ruby… or dotnet…: no interpreter for it",
    NO_DESTINATION,
)
OTHERS_TAGS = "tags of code signing configurations and capacity providers"

SERVICE = Service(
    name="lambda",
    operations=(functions, versions, invocations, permissions, layers, mappings, account),
    authorize=authorize,
    resources="pileus.services.lambda_.resources",
    console="pileus.services.lambda_.console",
    events=background.EVENTS,
    start=background.start,
    stop=background.stop,
    routes={ROUTE: download},
    violation=errors.violation,
    refuses={
        "CreateEventSourceMapping": NOT_OF_MAPPINGS,
        "CreateFunction": (*NOT_OF_CODE, *NOT_OF_SETTINGS),
        "Invoke": ("DurableExecutionName", "TenantId"),
        "ListFunctions": ("MasterRegion",),
        "ListTags": (OTHERS_TAGS,),
        "PublishLayerVersion": NOT_OF_CODE,
        "PublishVersion": ("PublishTo",),
        "PutFunctionEventInvokeConfig": (NO_DESTINATION,),
        "PutRuntimeManagementConfig": ("UpdateRuntimeOn other than Auto",),
        "TagResource": (OTHERS_TAGS,),
        "UntagResource": (OTHERS_TAGS,),
        "UpdateEventSourceMapping": NOT_OF_MAPPINGS,
        "UpdateFunctionCode": (*NOT_OF_CODE, "PublishTo"),
        "UpdateFunctionConfiguration": NOT_OF_SETTINGS,
        "UpdateFunctionEventInvokeConfig": (NO_DESTINATION,),
    },
    lacks={
        "Invoke": ("TracingConfig Active sets the trace header; segments go nowhere",),
    },
)

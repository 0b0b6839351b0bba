"""AWS Lambda."""

from pileus.kernel.service import Service
from pileus.services.lambda_ import authorize, background, errors
from pileus.services.lambda_.code import ROUTE, download
from pileus.services.lambda_.operations import account, functions, invocations, layers, mappings, permissions, versions

SERVICE = Service(
    name="lambda",
    operations=(functions, versions, invocations, permissions, layers, mappings, account),
    authorize=authorize,
    resources="pileus.services.lambda_.resources",
    events=background.EVENTS,
    start=background.start,
    stop=background.stop,
    routes={ROUTE: download},
    violation=errors.violation,
    partial={
        "CreateFunction": "zips only: container images, VPCs, file systems, KMS keys, code signing, SnapStart, "
        "durable functions, Java, Ruby, .NET and the JSON log format are refused by name",
        "UpdateFunctionConfiguration": "as CreateFunction",
        "CreateEventSourceMapping": "sources that Pileus has; KMS keys, metrics, logging, provisioned pollers and "
        "tumbling windows with a parallelization factor are refused by name",
        "UpdateEventSourceMapping": "as CreateEventSourceMapping",
        "Invoke": "TracingConfig Active sets the trace header; segments go nowhere until X-Ray is here",
    },
)

"""Security Token Service: temporary credentials."""

from pileus.kernel.service import Service
from pileus.services.sts import authorize, operations

SERVICE = Service(
    "sts",
    operations,
    authorize,
    partial={
        "AssumeRole": "second factors (SerialNumber, TokenCode), ProvidedContexts",
        "GetSessionToken": "second factors",
    },
)

"""Security Token Service: temporary credentials."""

from pileus.kernel.service import Service
from pileus.services.sts import authorize, errors, operations

SERVICE = Service(
    "sts",
    operations,
    authorize,
    violation=errors.violation,
    refuses=dict.fromkeys(("AssumeRole", "GetFederationToken", "GetSessionToken"), operations.NOT_HONOURED),
)

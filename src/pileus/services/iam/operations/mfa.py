"""Second factors. None can be registered yet, so that no user has any."""

from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.caller import user_name
from pileus.services.iam.paging import page
from pileus.store.transaction import Transaction


async def list_mfa_devices(call: Call, request: dict) -> dict:
    """A user's devices, the caller's own where no user is named: none.

    errors   NoSuchEntity
    source   IAM API reference, ListMFADevices
    """
    name = user_name(call, request)

    def rows(tx: Transaction, after: str | None):
        if name:
            state.require(tx, "user", call.account, name)
        return ()

    devices, rest = await page(call, request, rows, key=str, out=lambda tx, device: device)
    return {"MFADevices": devices} | rest

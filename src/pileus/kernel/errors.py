"""Errors as AWS sends them. Raised anywhere, turned into bytes only by the gateway."""


class AwsError(Exception):
    """An error with AWS's code and words.

    A service's `errors.py` subclasses it, one class per code, named as the code (or with `code` set where the code is
    no identifier). Members of a modelled error shape beyond the message go in `fields`, spelled as in the model.
    """

    code: str = ""
    status: int = 400
    text: str = ""

    def __init__(
        self, message: str | None = None, *, code: str | None = None, status: int | None = None, **fields
    ) -> None:
        self.code = code or self.code or type(self).__name__
        self.status = status or self.status
        self.message = self.text if message is None else message
        self.fields = fields
        super().__init__(f"{self.code}: {self.message}")

    @property
    def is_fault(self) -> bool:
        """True where it is our fault and not the sender's."""
        return self.status >= 500


class NotImplementedByUs(AwsError):
    """What Pileus does not do yet, by name. Never answer success instead."""

    code = "NotImplemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"Pileus does not implement {what} yet.")


class InternalFailure(AwsError):
    code = "InternalFailure"
    status = 500
    text = "The request processing has failed because of an unknown error, exception or failure."


class ServiceUnavailable(AwsError):
    """The store can't write (the disk is full, say); reads go on."""

    code = "ServiceUnavailable"
    status = 503
    text = "The request has failed due to a temporary failure of the server."


class ValidationException(AwsError):
    pass


class AccessDenied(AwsError):
    """Its `code` is AccessDenied or AccessDeniedException, as the protocol of the service has it; the gateway sets it."""

    status = 403

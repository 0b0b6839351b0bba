"""What DynamoDB answers when it refuses.

Source: DynamoDB API reference, "Errors" of each operation; developer guide, "Error handling with DynamoDB"; the texts
are those of recorded answers.
"""

from pileus.kernel.errors import AwsError


class ResourceNotFoundException(AwsError):
    pass

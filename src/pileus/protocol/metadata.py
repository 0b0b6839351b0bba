"""What tells one service's requests from another's, for every service that botocore knows.

Reading all models takes seconds, so the few fields needed are kept in metadata.json. After an update of botocore:

    python -m pileus.protocol.metadata
"""

import functools
import pathlib

import msgspec

from . import shapes

FILE = pathlib.Path(__file__).with_name("metadata.json")


class Service(msgspec.Struct, frozen=True, omit_defaults=True):
    service_id: str
    signing_name: str
    endpoint_prefix: str
    api_version: str
    protocols: tuple[str, ...]
    target_prefix: str | None = None


@functools.cache
def services() -> dict[str, Service]:
    """By botocore's name of the service."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Service])


def of_model(model_name: str) -> Service:
    said = shapes.read(model_name).metadata
    return Service(
        service_id=said["serviceId"],
        signing_name=said.get("signingName", said["endpointPrefix"]),
        endpoint_prefix=said["endpointPrefix"],
        api_version=said["apiVersion"],
        protocols=tuple(dict.fromkeys([said["protocol"], *said.get("protocols", ())])),
        target_prefix=said.get("targetPrefix"),
    )


def main() -> None:
    names = sorted(path.name for path in shapes.DATA.iterdir() if any(path.glob("*/service-2.json*")))
    lines = ",\n".join(f'"{name}":{msgspec.json.encode(of_model(name)).decode()}' for name in names)
    FILE.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()

"""Layers and their versions. A deleted version stays usable for the functions that use it: they hold its code."""

from collections.abc import Callable

from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import LayerRef
from pileus.services.lambda_.state import LAYER_VERSIONS, LAYERS, Code, Layer, LayerVersion
from pileus.services.lambda_.transitions.codes import release_code, use_code
from pileus.store.blobs import Blob
from pileus.store.transaction import Transaction


def publish_layer_version(tx: Transaction, ref: LayerRef, code: Code, blob: Blob | None, **about) -> LayerVersion:
    """errors   CodeStorageExceededException"""
    layer = LAYERS.get(tx, *ref[:3]) or Layer(*ref[:3])
    layer = replace(layer, last_version=layer.last_version + 1)
    use_code(tx, ref.account, ref.region, code, blob)
    version = LayerVersion(
        *ref[:3], layer.last_version, code.digest, code.size_bytes, code.unzipped_bytes, tx.now_ms, **about
    )
    LAYERS.put(tx, layer)
    LAYER_VERSIONS.insert(tx, version)
    return version


def require_layer_version(tx: Transaction, ref: LayerRef) -> LayerVersion:
    """errors   ResourceNotFoundException"""
    found = LAYER_VERSIONS.get(tx, ref.account, ref.region, ref.name, ref.version or 0)
    if found is None:
        raise errors.ResourceNotFoundException()
    return found


def find_layer_version(tx: Transaction, ref: LayerRef) -> LayerVersion | None:
    return LAYER_VERSIONS.get(tx, ref.account, ref.region, ref.name, ref.version or 0)


def delete_layer_version(tx: Transaction, ref: LayerRef) -> None:
    """Deleting what is gone succeeds, as on AWS. Its number is not given again."""
    version = find_layer_version(tx, ref)
    if version is not None:
        LAYER_VERSIONS.delete(tx, ref.account, ref.region, ref.name, version.number)
        release_code(tx, ref.account, ref.region, version.digest)


def list_layers(
    tx: Transaction, account: str, region: str, after: str, limit: int, fits: Callable[[LayerVersion], bool]
) -> list[LayerVersion]:
    """The newest fitting version of up to `limit` layers, by name."""
    found: list[LayerVersion] = []
    for layer in LAYERS.scan(tx, account, region, after=after or None):
        if len(found) == limit:
            break
        newest_first = LAYER_VERSIONS.scan(tx, account, region, layer.name, reverse=True)
        version = next((version for version in newest_first if fits(version)), None)
        if version is not None:
            found.append(version)
    return found


def list_layer_versions(
    tx: Transaction, ref: LayerRef, before: int | None, limit: int, fits: Callable[[LayerVersion], bool]
) -> list[LayerVersion]:
    """Up to `limit` fitting versions, newest first."""
    found: list[LayerVersion] = []
    for version in LAYER_VERSIONS.scan(tx, *ref[:3], until=before, reverse=True):
        if len(found) == limit:
            break
        if fits(version):
            found.append(version)
    return found

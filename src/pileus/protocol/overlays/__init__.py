"""What a service's wire does beyond its model. One module per service that needs it, named like its model."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Overlay:
    """Empty by default: then the model says it all.

    older_protocols   protocols that older clients speak and the current model no longer names
    names             for those: "Shape.member" -> wire name; a list's element is "Shape.[]", a map's are
                      "Shape.key" and "Shape.value"
    namespace         XML namespace where the model's metadata has none
    member_in_url     the member that a query request may leave out, for the URL it is sent to says it
    query_codes       error shape -> (code, status) of the query protocol, where the model does not have them
    error_namespace   what stands before "#" in a JSON or CBOR error's __type
    plain_namespaces  the same for errors that are not modelled: by name, or for the others by ""
    headers           of every answer, beside the protocol's own
    has_empty_answers operations without output answer with no body, not with an empty document
    body_limit_bytes  the longest request body, also once it is no longer compressed; 0: the gateway's limit alone
    codings           the content codings of requests and answers that the service speaks, but for "identity"
    coded_from_bytes  answers of so many bytes are compressed for those who accept it
    roots             operation -> root element of its XML answer
    bare_errors       XML errors stand alone, without <ErrorResponse> around them
    id_headers        the response headers that carry the request id
    unwrapped         operations whose answer's only member stands as text in the root itself
    takes_preflights  preflights of calls with an X-Amz-Target that name no service mean this one
    takes_unsigned    requests that name no service at all mean this one
    path_of           (host, path) -> path, for hosts that name a resource, such as S3's buckets
    statuses          operation -> status of its success, where the model does not have it
    partial_content   the member of a result whose presence makes the answer 206
    opaque            shapes that pass as they came: the service reads them, in one walk that also checks them. Of
                      the JSON protocols; bytes in them go out as base64
    """

    older_protocols: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    namespace: str | None = None
    member_in_url: str = ""
    query_codes: dict[str, tuple[str, int]] = field(default_factory=dict)
    error_namespace: str = ""
    plain_namespaces: dict[str, str] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    has_empty_answers: bool = False
    body_limit_bytes: int = 0
    codings: tuple[str, ...] = ()
    coded_from_bytes: int = 0
    roots: dict[str, str] = field(default_factory=dict)
    unwrapped: frozenset[str] = frozenset()
    bare_errors: bool = False
    id_headers: tuple[str, ...] = ("x-amzn-RequestId",)
    takes_preflights: bool = False
    takes_unsigned: bool = False
    path_of: Callable[[str, str], str] | None = None
    partial_content: str = ""
    statuses: dict[str, int] = field(default_factory=dict)
    opaque: frozenset[str] = frozenset()


def overlay_of(model_name: str) -> Overlay:
    module = f"{__name__}.{model_name.replace('-', '_')}"
    if importlib.util.find_spec(module) is None:
        return Overlay()
    return importlib.import_module(module).OVERLAY

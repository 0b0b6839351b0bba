"""The environment variables of a function. Source: developer guide, "Defined runtime environment variables"."""

from pileus.runtime.runtimes import Launch, Paths
from pileus.runtime.sandbox import library_path
from pileus.runtime.spec import Credentials, FunctionSpec


def variables(
    spec: FunctionSpec, launch: Launch, paths: Paths, credentials: Credentials | None, *, api: str, log_stream: str
) -> dict[str, str]:
    """What may be overridden, then the function's own, then what is reserved."""
    out = {
        "LANG": "C.UTF-8",  # AWS has en_US.UTF-8, which few hosts have generated
        "TZ": ":UTC",
        "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:{paths.opt}/bin",
        "LD_LIBRARY_PATH": library_path("/var/lang", paths.task, paths.opt),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
    }
    if paths.tmp != "/tmp":
        out["TMPDIR"] = paths.tmp
    if spec.endpoint_url:
        out["AWS_ENDPOINT_URL"] = spec.endpoint_url
    for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        out[name] = paths.ca_bundle
    out["NODE_EXTRA_CA_CERTS"] = paths.ca  # in addition to node's own; it parses the file at each start
    out |= launch.variables
    out |= {name: str(value) for name, value in spec.environment.items()}
    out |= {
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mib),
        "AWS_LAMBDA_INITIALIZATION_TYPE": spec.initialization_type,
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "LAMBDA_TASK_ROOT": paths.task,
        "LAMBDA_RUNTIME_DIR": paths.runtime,
        "_HANDLER": spec.handler,
    }
    if spec.log_level:
        out["AWS_LAMBDA_LOG_LEVEL"] = spec.log_level
    if "AWS_EXECUTION_ENV" in launch.variables:
        out["AWS_EXECUTION_ENV"] = launch.variables["AWS_EXECUTION_ENV"]
    if credentials is not None:
        out["AWS_ACCESS_KEY_ID"] = credentials.access_key_id
        out["AWS_SECRET_ACCESS_KEY"] = credentials.secret_access_key
        out["AWS_SESSION_TOKEN"] = credentials.session_token
    return out

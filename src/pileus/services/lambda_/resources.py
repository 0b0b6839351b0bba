"""CloudFormation types of Lambda, made of its public operations. Source: template reference, AWS::Lambda::….

What a step waits for on AWS (a function to become Active) nobody needs to wait for here: whoever uses the function
does, and its code was unpacked before CreateFunction answered.
"""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.lambda_.inline_code import package
from pileus.stacks.property_types import TAGS, MapOf
from pileus.stacks.resource import (
    Created,
    Gone,
    InvalidProperty,
    NotHonoured,
    Property,
    ResourceContext,
    ResourceType,
    Updated,
)

GONE = ("ResourceNotFoundException",)
OWNERSHIP_TAGS = ("aws:cloudformation:stack-id", "aws:cloudformation:logical-id")

DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
"""What a property that leaves the template goes back to."""

SETTINGS = (*DEFAULTS, "Handler", "Role", "Runtime")


def _dict_tags(context: ResourceContext, properties: dict[str, Any]) -> dict[str, str]:
    return context.tags_with(properties.get("Tags"))


class Function(ResourceType):
    name = "AWS::Lambda::Function"
    properties = {
        "Architectures": Property([str]),
        "CapacityProviderConfig": NotHonoured(),
        "Code": Property(
            {
                "ImageUri": NotHonoured(),
                "S3Bucket": Property(str),
                "S3Key": Property(str),
                "S3ObjectStorageMode": NotHonoured(harmless=["COPY"]),
                "S3ObjectVersion": Property(str),
                "SourceKMSKeyArn": NotHonoured(),
                "ZipFile": Property(str),
            },
            required=True,
            write_only=True,
        ),
        "CodeSigningConfigArn": NotHonoured(),
        "DeadLetterConfig": Property({"TargetArn": Property(str)}),
        "Description": Property(str),
        "DurableConfig": NotHonoured(),
        "Environment": Property({"Variables": Property(MapOf(str))}),
        "EphemeralStorage": Property({"Size": Property(int, required=True)}),
        "FileSystemConfigs": NotHonoured(harmless=[[]]),
        "FunctionName": Property(str, replacement=True),
        "FunctionScalingConfig": NotHonoured(),
        "Handler": Property(str),
        "ImageConfig": NotHonoured(),
        "KmsKeyArn": NotHonoured(harmless=[""]),
        "Layers": Property([str]),
        "LoggingConfig": Property(
            {
                "ApplicationLogLevel": Property(str),
                "LogFormat": Property(str),
                "LogGroup": Property(str),
                "SystemLogLevel": Property(str),
            }
        ),
        "MemorySize": Property(int),
        "PackageType": NotHonoured(harmless=["Zip"], requires_recreation="Always"),
        "PublishToLatestPublished": NotHonoured(harmless=[False]),
        "RecursiveLoop": NotHonoured(harmless=["Allow"]),
        "ReservedConcurrentExecutions": Property(int),
        "Role": Property(str, required=True),
        "Runtime": Property(str),
        "RuntimeManagementConfig": NotHonoured(harmless=[{"UpdateRuntimeOn": "Auto"}]),
        "SnapStart": NotHonoured(harmless=[{"ApplyOn": "None"}]),
        "Tags": Property(TAGS),
        "TenancyConfig": NotHonoured(requires_recreation="Always"),
        "Timeout": Property(int),
        "TracingConfig": Property({"Mode": Property(str)}),
        "VpcConfig": NotHonoured(harmless=[{}, {"SubnetIds": [], "SecurityGroupIds": []}]),
    }
    attributes = ("Arn", "SnapStartResponse", "SnapStartResponse.*")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        """The tags that name the stack come with the function: a step that runs again knows its own by them."""
        name = properties.get("FunctionName") or context.physical_name(64)
        request = {
            "FunctionName": name,
            "Code": _code(properties),
            "Tags": _dict_tags(context, properties),
            **{key: properties[key] for key in (*SETTINGS, "Architectures") if key in properties},
        }
        try:
            made = await context.invoke("lambda", "CreateFunction", request)
        except AwsError as error:
            if error.code != "ResourceConflictException" or not await self._is_own(context, name):
                raise
            return Created(name, await self._bring(context, name, {}, properties))
        await self._reserve(context, name, None, properties.get("ReservedConcurrentExecutions"))
        return Created(name, _function_attributes(made["FunctionArn"]))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        return Updated(await self._bring(context, physical_id, old, new))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("lambda", "DeleteFunction", {"FunctionName": physical_id}, gone=GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        answer = await context.invoke_unless_gone("lambda", "GetFunction", {"FunctionName": physical_id}, gone=GONE)
        if answer is None:
            raise Gone(physical_id)
        configuration = answer["Configuration"]
        found = {
            key: configuration[key] for key in (*SETTINGS, "FunctionName", "Architectures") if key in configuration
        }
        if "Layers" in found:
            found["Layers"] = [layer["Arn"] for layer in found["Layers"]]
        if "Concurrency" in answer:
            found["ReservedConcurrentExecutions"] = answer["Concurrency"]["ReservedConcurrentExecutions"]
        own = {key: value for key, value in answer.get("Tags", {}).items() if context.tags.get(key) != value}
        return found | ({"Tags": [{"Key": k, "Value": v} for k, v in own.items()]} if own else {})

    async def _is_own(self, context: ResourceContext, name: str) -> bool:
        answer = await context.invoke("lambda", "GetFunction", {"FunctionName": name})
        tags = answer.get("Tags", {})
        return all(key in context.tags and tags.get(key) == context.tags[key] for key in OWNERSHIP_TAGS)

    async def _bring(self, context: ResourceContext, name: str, old: dict, new: dict) -> dict:
        """Change what differs between `old` and `new`, code first, as CloudFormation does."""
        if old.get("Code") != new["Code"] or old.get("Architectures") != new.get("Architectures"):
            request = {"FunctionName": name, **_code(new), "Architectures": new.get("Architectures", ["x86_64"])}
            await context.invoke("lambda", "UpdateFunctionCode", request)
        settings = {key: new.get(key, DEFAULTS.get(key)) for key in SETTINGS if old.get(key) != new.get(key)}
        settings = {key: value for key, value in settings.items() if value is not None}
        if settings:
            await context.invoke("lambda", "UpdateFunctionConfiguration", {"FunctionName": name, **settings})
        before, after = (each.get("ReservedConcurrentExecutions") for each in (old, new))
        if before != after:
            await self._reserve(context, name, before, after)
        configuration = await context.invoke("lambda", "GetFunctionConfiguration", {"FunctionName": name})
        await _bring_tags(context, configuration["FunctionArn"], old, new)
        return _function_attributes(configuration["FunctionArn"])

    async def _reserve(self, context: ResourceContext, name: str, before: int | None, after: int | None) -> None:
        if after is not None:
            request = {"FunctionName": name, "ReservedConcurrentExecutions": after}
            await context.invoke("lambda", "PutFunctionConcurrency", request)
        elif before is not None:
            await context.invoke("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})


async def _bring_tags(context: ResourceContext, arn: str, old: dict, new: dict) -> None:
    wanted = _dict_tags(context, new)
    there = (await context.invoke("lambda", "ListTags", {"Resource": arn})).get("Tags", {})
    gone = [key for key in {tag["Key"] for tag in old.get("Tags") or []} if key not in wanted and key in there]
    if gone:
        await context.invoke("lambda", "UntagResource", {"Resource": arn, "TagKeys": sorted(gone)})
    if any(there.get(key) != value for key, value in wanted.items()):
        await context.invoke("lambda", "TagResource", {"Resource": arn, "Tags": wanted})


def _code(properties: dict[str, Any]) -> dict[str, Any]:
    code = dict(properties["Code"])
    if "ZipFile" in code:
        code["ZipFile"] = package(code["ZipFile"], properties.get("Runtime", ""))
    return code


def _function_attributes(arn: str) -> dict[str, Any]:
    snap_start = {"ApplyOn": "None", "OptimizationStatus": "Off"}
    return {
        "Arn": arn,
        "SnapStartResponse": snap_start,
        **{f"SnapStartResponse.{key}": value for key, value in snap_start.items()},
    }


class Version(ResourceType):
    name = "AWS::Lambda::Version"
    properties = {
        "CodeSha256": Property(str, replacement=True),
        "Description": Property(str, replacement=True),
        "FunctionName": Property(str, required=True, replacement=True),
        "FunctionScalingConfig": NotHonoured(),
        "ProvisionedConcurrencyConfig": NotHonoured(requires_recreation="Always"),
        "RuntimePolicy": NotHonoured(harmless=[{"UpdateRuntimeOn": "Auto"}], requires_recreation="Always"),
    }
    attributes = ("FunctionArn", "Version")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        """Publishing again what did not change gives the same version."""
        made = await context.invoke("lambda", "PublishVersion", dict(properties))
        arn = made["FunctionArn"]
        return Created(arn, {"FunctionArn": arn, "Version": made["Version"]})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("lambda", "DeleteFunction", {"FunctionName": physical_id}, gone=GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await context.invoke_unless_gone(
            "lambda", "GetFunctionConfiguration", {"FunctionName": physical_id}, gone=GONE
        )
        if found is None:
            raise Gone(physical_id)
        return {"FunctionName": found["FunctionName"], "Description": found["Description"]}


class Alias(ResourceType):
    name = "AWS::Lambda::Alias"
    properties = {
        "Description": Property(str),
        "FunctionName": Property(str, required=True, replacement=True),
        "FunctionVersion": Property(str, required=True),
        "Name": Property(str, required=True, replacement=True),
        "ProvisionedConcurrencyConfig": NotHonoured(),
        "RoutingConfig": Property(
            {
                "AdditionalVersionWeights": Property(
                    [
                        {
                            "FunctionVersion": Property(str, required=True),
                            "FunctionWeight": Property(float, required=True),
                        }
                    ]
                )
            }
        ),
    }
    attributes = ("AliasArn",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        request = self._request(properties)
        try:
            made = await context.invoke("lambda", "CreateAlias", request)
        except AwsError as error:
            if error.code != "ResourceConflictException":
                raise
            # An alias carries no mark of its maker: one that says what this one would is taken for this step's own.
            where = {key: properties[key] for key in ("FunctionName", "Name")}
            made = await context.invoke("lambda", "GetAlias", where)
            if any(made.get(key) != request.get(key, "") for key in ("FunctionVersion", "Description")):
                raise
        return Created(made["AliasArn"], {"AliasArn": made["AliasArn"]})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        request = {"Description": "", "RoutingConfig": {"AdditionalVersionWeights": {}}, **self._request(new)}
        await context.invoke("lambda", "UpdateAlias", request)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        where = {key: properties[key] for key in ("FunctionName", "Name")}
        await context.invoke_unless_gone("lambda", "DeleteAlias", where, gone=GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        function, _, name = physical_id.rpartition(":")
        found = await context.invoke_unless_gone(
            "lambda", "GetAlias", {"FunctionName": function, "Name": name}, gone=GONE
        )
        if found is None:
            raise Gone(physical_id)
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        out = {key: found[key] for key in ("Name", "FunctionVersion", "Description")}
        if weights:
            listed = [{"FunctionVersion": version, "FunctionWeight": weight} for version, weight in weights.items()]
            out["RoutingConfig"] = {"AdditionalVersionWeights": listed}
        return out

    def _request(self, properties: dict[str, Any]) -> dict[str, Any]:
        request = dict(properties)
        if "RoutingConfig" in request:
            weights = request["RoutingConfig"].get("AdditionalVersionWeights") or []
            by_version = {each["FunctionVersion"]: each["FunctionWeight"] for each in weights}
            request["RoutingConfig"] = {"AdditionalVersionWeights": by_version}
        return request


class Permission(ResourceType):
    """Its id is the statement's, which is this attempt's own."""

    name = "AWS::Lambda::Permission"
    properties = {
        "Action": Property(str, required=True, replacement=True),
        "EventSourceToken": Property(str, replacement=True),
        "FunctionName": Property(str, required=True, replacement=True),
        "FunctionUrlAuthType": Property(str, replacement=True),
        "InvokedViaFunctionUrl": Property(bool, replacement=True),
        "Principal": Property(str, required=True, replacement=True),
        "PrincipalOrgID": Property(str, replacement=True),
        "SourceAccount": Property(str, replacement=True),
        "SourceArn": Property(str, replacement=True),
    }
    attributes = ("Id",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        sid = context.physical_name(100)
        try:
            await context.invoke("lambda", "AddPermission", {**properties, "StatementId": sid})
        except AwsError as error:
            if error.code != "ResourceConflictException":
                raise
        return Created(sid, {"Id": sid})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"FunctionName": properties["FunctionName"], "StatementId": physical_id}
        await context.invoke_unless_gone("lambda", "RemovePermission", request, gone=GONE)


class LayerVersion(ResourceType):
    """A killed step may leave a version behind: nothing tells a layer version's maker."""

    name = "AWS::Lambda::LayerVersion"
    properties = {
        "CompatibleArchitectures": Property([str], replacement=True),
        "CompatibleRuntimes": Property([str], replacement=True),
        "Content": Property(
            {
                "S3Bucket": Property(str, required=True),
                "S3Key": Property(str, required=True),
                "S3ObjectVersion": Property(str),
            },
            required=True,
            replacement=True,
            write_only=True,
        ),
        "Description": Property(str, replacement=True),
        "LayerName": Property(str, replacement=True),
        "LicenseInfo": Property(str, replacement=True),
    }
    attributes = ("LayerVersionArn",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        request = {"LayerName": context.physical_name(140), **properties}
        arn = (await context.invoke("lambda", "PublishLayerVersion", request))["LayerVersionArn"]
        return Created(arn, {"LayerVersionArn": arn})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("lambda", "DeleteLayerVersion", _layer_version(physical_id), gone=GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await context.invoke_unless_gone("lambda", "GetLayerVersionByArn", {"Arn": physical_id}, gone=GONE)
        if found is None:
            raise Gone(physical_id)
        out = {
            key: found[key]
            for key in ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")
            if key in found
        }
        return out | {"LayerName": physical_id.split(":")[6]}


class LayerVersionPermission(ResourceType):
    """Its id is the layer version's ARN and the statement's id."""

    name = "AWS::Lambda::LayerVersionPermission"
    properties = {
        "Action": Property(str, required=True, replacement=True),
        "LayerVersionArn": Property(str, required=True, replacement=True),
        "OrganizationId": Property(str, replacement=True),
        "Principal": Property(str, required=True, replacement=True),
    }
    attributes = ("Id",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        arn = properties["LayerVersionArn"]
        sid = context.physical_name(100)
        rest = {key: value for key, value in properties.items() if key != "LayerVersionArn"}
        try:
            await context.invoke(
                "lambda", "AddLayerVersionPermission", {**_layer_version(arn), **rest, "StatementId": sid}
            )
        except AwsError as error:
            if error.code != "ResourceConflictException":
                raise
        return Created(f"{arn}#{sid}", {"Id": f"{arn}#{sid}"})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        arn, _, sid = physical_id.partition("#")
        request = {**_layer_version(arn), "StatementId": sid}
        await context.invoke_unless_gone("lambda", "RemoveLayerVersionPermission", request, gone=GONE)


def _layer_version(arn: str) -> dict[str, Any]:
    layer, _, version = arn.rpartition(":")
    if not version.isdigit():
        raise InvalidProperty(f"{arn} is not the ARN of a layer version")
    return {"LayerName": layer, "VersionNumber": int(version)}


_DESTINATION = Property({"Destination": Property(str, required=True)})


class EventInvokeConfig(ResourceType):
    name = "AWS::Lambda::EventInvokeConfig"
    properties = {
        "DestinationConfig": Property({"OnFailure": _DESTINATION, "OnSuccess": _DESTINATION}),
        "FunctionName": Property(str, required=True, replacement=True),
        "MaximumEventAgeInSeconds": Property(int),
        "MaximumRetryAttempts": Property(int),
        "Qualifier": Property(str, required=True, replacement=True),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await context.invoke("lambda", "PutFunctionEventInvokeConfig", dict(properties))
        return Created(context.physical_name(128))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await context.invoke("lambda", "PutFunctionEventInvokeConfig", dict(new))
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        where = {key: properties[key] for key in ("FunctionName", "Qualifier")}
        await context.invoke_unless_gone("lambda", "DeleteFunctionEventInvokeConfig", where, gone=GONE)


class EventSourceMapping(ResourceType):
    """It has no name: the stack's tags, which come with it, are how a step that runs again knows its own."""

    name = "AWS::Lambda::EventSourceMapping"
    properties = {
        "AmazonManagedKafkaEventSourceConfig": NotHonoured(),
        "BatchSize": Property(int),
        "BisectBatchOnFunctionError": Property(bool),
        "DestinationConfig": Property(
            {
                "OnFailure": Property({"Destination": Property(str)}),
                "OnSuccess": Property({"Destination": Property(str)}),
            }
        ),
        "DocumentDBEventSourceConfig": NotHonoured(),
        "Enabled": Property(bool),
        "EventSourceArn": Property(str, replacement=True),
        "FilterCriteria": Property({"Filters": Property([{"Pattern": Property(str)}])}),
        "FunctionName": Property(str, required=True),
        "FunctionResponseTypes": Property([str]),
        "KmsKeyArn": NotHonoured(harmless=[""]),
        "LoggingConfig": NotHonoured(harmless=[{}]),
        "MaximumBatchingWindowInSeconds": Property(int),
        "MaximumRecordAgeInSeconds": Property(int),
        "MaximumRetryAttempts": Property(int),
        "MetricsConfig": NotHonoured(harmless=[{}, {"Metrics": []}]),
        "ParallelizationFactor": Property(int),
        "ProvisionedPollerConfig": NotHonoured(),
        "Queues": NotHonoured(),
        "ScalingConfig": Property({"MaximumConcurrency": Property(int)}),
        "SelfManagedEventSource": NotHonoured(requires_recreation="Always"),
        "SelfManagedKafkaEventSourceConfig": NotHonoured(requires_recreation="Always"),
        "SourceAccessConfigurations": NotHonoured(harmless=[[]]),
        "StartingPosition": Property(str, replacement=True),
        "StartingPositionTimestamp": Property(float, replacement=True),
        "Tags": Property(TAGS),
        "Topics": NotHonoured(),
        "TumblingWindowInSeconds": Property(int),
    }
    attributes = ("EventSourceMappingArn", "Id")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        request = {**properties, "Tags": _dict_tags(context, properties)}
        try:
            made = await context.invoke("lambda", "CreateEventSourceMapping", request)
        except AwsError as error:
            if error.code != "ResourceConflictException":
                raise
            made = await self._own(context, properties)
            if made is None:
                raise
        await self._wait(context, made["UUID"])
        return self._created(made)

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        defaults = MAPPING_DEFAULTS | (QUEUE_DEFAULTS if ":sqs:" in new.get("EventSourceArn", "") else STREAM_DEFAULTS)
        request = {
            key: new.get(key, defaults.get(key))
            for key in {**old, **new}
            if old.get(key) != new.get(key) and key in (*defaults, "FunctionName")
        }
        found = await context.invoke("lambda", "GetEventSourceMapping", {"UUID": physical_id})
        # Only what is not so yet: a step that waited for the mapping to come to rest must not set it off once more.
        request = {key: value for key, value in request.items() if not self._says(found, key, value, defaults)}
        if request:
            await context.invoke("lambda", "UpdateEventSourceMapping", {"UUID": physical_id, **request})
        await self._wait(context, physical_id)
        await _bring_tags(context, found["EventSourceMappingArn"], old, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        where = {"UUID": physical_id}
        found = await context.invoke_unless_gone("lambda", "GetEventSourceMapping", where, gone=GONE)
        if found is None:
            return
        if found["State"] != "Deleting":
            await context.invoke_unless_gone("lambda", "DeleteEventSourceMapping", where, gone=GONE)

        async def is_gone() -> bool:
            return await context.invoke_unless_gone("lambda", "GetEventSourceMapping", where, gone=GONE) is None

        await context.wait_until(is_gone, at_most_ms=MAPPING_LIMIT_MS)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await context.invoke_unless_gone("lambda", "GetEventSourceMapping", {"UUID": physical_id}, gone=GONE)
        if found is None:
            raise Gone(physical_id)
        out = {key: found[key] for key in self.properties if key in found}
        out["Enabled"] = found["State"] in ("Enabled", "Enabling", "Updating", "Creating")
        out["FunctionName"] = found["FunctionArn"]
        return out

    def _says(self, found: dict[str, Any], key: str, value: Any, defaults: dict[str, Any]) -> bool:
        """Whether a mapping's configuration is as the property wants it."""
        if key == "Enabled":
            return found["State"] in (("Enabling", "Enabled") if value else ("Disabling", "Disabled"))
        if key == "FunctionName":
            return found["FunctionArn"] == value or found["FunctionArn"].endswith(f":function:{value}")
        if key == "DestinationConfig":
            there, wanted = (config.get("OnFailure", {}).get("Destination", "") for config in (found[key], value))
            return there == wanted
        return found.get(key, defaults[key]) == value

    async def _own(self, context: ResourceContext, properties: dict[str, Any]) -> dict[str, Any] | None:
        """The mapping that this step made before it was killed; not the one that it is to replace, which begins elsewhere:
        beside that one AWS refuses another, and the update fails (quoted in serverless-application-model 1320)."""
        where = {key: properties[key] for key in ("FunctionName", "EventSourceArn")}
        for found in (await context.invoke("lambda", "ListEventSourceMappings", where))["EventSourceMappings"]:
            moment = found.get("StartingPositionTimestamp")
            begins = (found.get("StartingPosition"), moment and moment.timestamp())
            if begins != (properties.get("StartingPosition"), properties.get("StartingPositionTimestamp")):
                continue
            arn = found["EventSourceMappingArn"]
            tags = (await context.invoke("lambda", "ListTags", {"Resource": arn})).get("Tags", {})
            if all(key in context.tags and tags.get(key) == context.tags[key] for key in OWNERSHIP_TAGS):
                return found
        return None

    async def _wait(self, context: ResourceContext, mapping_id: str) -> None:
        async def is_settled() -> bool:
            found = await context.invoke("lambda", "GetEventSourceMapping", {"UUID": mapping_id})
            return found["State"] in ("Enabled", "Disabled")

        await context.wait_until(is_settled, at_most_ms=MAPPING_LIMIT_MS)

    def _created(self, made: dict[str, Any]) -> Created:
        return Created(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]})


MAPPING_LIMIT_MS = 1_000_000
"""A mapping that ends waits for its batches, which take as long as functions may."""

MAPPING_DEFAULTS: dict[str, Any] = {
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
}
"""What a property that leaves the template goes back to."""

QUEUE_DEFAULTS: dict[str, Any] = {"BatchSize": 10, "ScalingConfig": {}}
STREAM_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}

RESOURCE_TYPES = [
    Function,
    Version,
    Alias,
    Permission,
    LayerVersion,
    LayerVersionPermission,
    EventInvokeConfig,
    EventSourceMapping,
]

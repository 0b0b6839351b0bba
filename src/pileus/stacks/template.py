"""A template: its sections, their shape, its limits.

Two looks at it: `check_shape` as soon as it is parsed (before transforms, which may add sections and use types that
only they know), `check_expanded` on what the transforms made of it.
Source of the limits: user guide, "CloudFormation quotas"; of the sections: "Template sections".
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pileus.stacks import yaml_form
from pileus.stacks.errors import ValidationError, format_error

BODY_BYTES = 51_200
"""Of a TemplateBody in a request."""
BODY_FROM_S3_BYTES = 1_000_000
RESOURCES = 500
PARAMETERS = 200
OUTPUTS = 200
MAPPINGS = 200
MAPPING_ATTRIBUTES = 200
DESCRIPTION_BYTES = 1_024
NAME_CHARACTERS = 255

SECTIONS = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Hooks",
]
RESOURCE_MEMBERS = [
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "CreationPolicy",
    "DeletionPolicy",
    "UpdatePolicy",
    "UpdateReplacePolicy",
]
DELETION_POLICIES = ("Delete", "Retain", "Snapshot", "RetainExceptOnCreate")
UPDATE_REPLACE_POLICIES = ("Delete", "Retain", "Snapshot")

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
SAM = "AWS::Serverless-2016-10-31"

_NAME = re.compile(r"[A-Za-z0-9]+")
_TYPE = re.compile(r"[A-Za-z0-9]+(::[A-Za-z0-9_@-]+)+")


@dataclass(frozen=True)
class Template:
    """The sections of one template, each a dict that may be empty."""

    body: dict[str, Any]
    parameters: dict[str, Any] = field(init=False)
    mappings: dict[str, Any] = field(init=False)
    conditions: dict[str, Any] = field(init=False)
    rules: dict[str, Any] = field(init=False)
    resources: dict[str, Any] = field(init=False)
    outputs: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        for section in ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs"):
            object.__setattr__(self, section.lower(), self.body.get(section) or {})

    @property
    def transforms(self) -> list:
        """Names, or {"Name": …, "Parameters": …} as AWS::Include has it, in the order written."""
        declared = self.body.get("Transform") or []
        return declared if isinstance(declared, list) else [declared]

    @property
    def description(self) -> str | None:
        return self.body.get("Description")

    @property
    def has_language_extensions(self) -> bool:
        return LANGUAGE_EXTENSIONS in self.transforms

    def properties(self, logical_id: str) -> dict[str, Any]:
        return self.resources[logical_id].get("Properties") or {}

    def type_of(self, logical_id: str) -> str:
        return self.resources[logical_id]["Type"]


def read(text: str, *, from_s3: bool = False) -> Template:
    """Parse `text` and check what can be known before its transforms have run."""
    check_size(text, from_s3=from_s3)
    template = Template(yaml_form.parse(text))
    check_shape(template)
    return template


def check_size(text: str, *, from_s3: bool) -> None:
    size_bytes = len(text.encode())
    if from_s3 and size_bytes > BODY_FROM_S3_BYTES:
        raise ValidationError(f"Template may not exceed {BODY_FROM_S3_BYTES} bytes in size.")
    if not from_s3 and size_bytes > BODY_BYTES:
        raise ValidationError(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {BODY_BYTES}"
        )
    if size_bytes == 0:
        raise ValidationError("Either Template URL or Template Body must be specified.")


def check_shape(template: Template) -> None:
    """Sections known, each a map, names alphanumeric, no nulls, within the limits."""
    body = template.body
    sections = [*SECTIONS, "Globals"] if SAM in template.transforms else SECTIONS
    if unknown := [section for section in body if section not in sections]:
        raise format_error(f"Invalid template property or properties [{', '.join(unknown)}]")
    version = body.get("AWSTemplateFormatVersion")
    if version is not None and version != "2010-09-09":
        raise format_error(f"Template format version {version} is not supported.")
    description = body.get("Description")
    if description is not None and not isinstance(description, str):
        raise format_error("Description must be a string.")
    if description and len(description.encode()) > DESCRIPTION_BYTES:
        raise format_error("Description length is greater than maximum allowed, 1024.")
    for section in ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs", "Metadata"):
        if section in body and not isinstance(body[section], dict):
            raise format_error(f"{section} section must be an object.")
        if section != "Metadata":
            _refuse_nulls(body.get(section), f"/{section}")
    if not template.resources:
        raise format_error("At least one Resources member must be defined.")
    _check_names(template)
    _check_parameters(template)
    _check_mappings(template)


def check_expanded(template: Template, known_types: Collection[str] | None = None) -> None:
    """The template its transforms made: resources and outputs complete, counted, of types somebody wrote.

    known_types  None leaves the types unjudged (GetTemplateSummary). `Custom::…` is always known.
    """
    check_shape(template)
    count = len(template.resources)
    if count > RESOURCES:
        raise format_error(f"Number of resources, {count}, is greater than maximum allowed, {RESOURCES}")
    for logical_id, resource in template.resources.items():
        _check_resource(template, logical_id, resource)
    if known_types is not None:
        types = dict.fromkeys(resource["Type"] for resource in template.resources.values())
        unknown = [name for name in types if name not in known_types and not name.startswith("Custom::")]
        if unknown:
            raise format_error(f"Unrecognized resource types: [{', '.join(unknown)}]")
    for name, output in template.outputs.items():
        _check_output(template, name, output)


def _check_names(template: Template) -> None:
    for section, noun in (
        ("parameters", "Parameter"),
        ("mappings", "Mapping"),
        ("conditions", "Condition"),
        ("resources", "Resource"),
        ("outputs", "Output"),
    ):
        for name in getattr(template, section):
            if name.startswith("Fn::"):  # Fn::ForEach::Name and Fn::Transform: theirs to say later
                continue
            if not _NAME.fullmatch(name):
                raise format_error(f"{noun} name {name} is non alphanumeric.")
            if len(name) > NAME_CHARACTERS:
                raise format_error(f"{noun} name {name} is longer than {NAME_CHARACTERS} characters.")
    for count, limit, noun in (
        (len(template.parameters), PARAMETERS, "Parameters"),
        (len(template.outputs), OUTPUTS, "Outputs"),
        (len(template.mappings), MAPPINGS, "Mappings"),
    ):
        if count > limit:
            raise format_error(f"{noun} count {count} is greater than max allowed {limit}")
    if both := [name for name in template.parameters if name in template.resources]:
        raise format_error(f"Duplicate names found in Parameters and Resources: [{', '.join(both)}]")


def _check_parameters(template: Template) -> None:
    for parameter in template.parameters.values():
        if not isinstance(parameter, dict):
            raise format_error("Every Parameters member must be an object.")
        if "Type" not in parameter:
            raise format_error("Every Parameters object must contain a Type member.")


def _check_mappings(template: Template) -> None:
    for name, rows in template.mappings.items():
        if name.startswith("Fn::"):
            continue
        if not isinstance(rows, dict):
            raise format_error("Every Mappings member must be a map.")
        for key, row in rows.items():
            if key.startswith("Fn::"):
                continue
            if not isinstance(row, dict):
                raise format_error(f"Every Mappings member {name} must be a map of maps.")
            if len(row) > MAPPING_ATTRIBUTES:
                raise format_error(f"Mapping {name} has more than {MAPPING_ATTRIBUTES} attributes in {key}.")


def _check_resource(template: Template, logical_id: str, resource: Any) -> None:
    if not isinstance(resource, dict):
        raise format_error(f"[/Resources/{logical_id}] Any Resources member must be an object.")
    kind = resource.get("Type")
    if kind is None:
        raise format_error(f"[/Resources/{logical_id}] Every Resources object must contain a Type member.")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise format_error(f"[/Resources/{logical_id}/Type] Unrecognized resource types: [{kind}]")
    if unknown := [member for member in resource if member not in RESOURCE_MEMBERS]:
        raise ValidationError(f"Invalid template resource property '{unknown[0]}'")
    if not isinstance(resource.get("Properties", {}), dict):
        raise format_error(f"[/Resources/{logical_id}/Properties] Properties must be an object.")
    condition = resource.get("Condition")
    if condition is not None and condition not in template.conditions:
        raise format_error(f"Condition {condition} is not defined.")
    depends_on = resource.get("DependsOn", [])
    for name in depends_on if isinstance(depends_on, list) else [depends_on]:
        if not isinstance(name, str):
            raise format_error("DependsOn must be a string or list of strings.")
    for member, allowed in (("DeletionPolicy", DELETION_POLICIES), ("UpdateReplacePolicy", UPDATE_REPLACE_POLICIES)):
        policy = resource.get(member)
        if isinstance(policy, dict) and template.has_language_extensions:
            continue  # a function here is evaluated with the resource
        if policy is not None and policy not in allowed:
            raise format_error(f"Unrecognized {member} {policy} for resource {logical_id}")


def _check_output(template: Template, name: str, output: Any) -> None:
    if not isinstance(output, dict) or "Value" not in output:
        raise format_error("Every Outputs member must contain a Value object")
    if unknown := [member for member in output if member not in ("Value", "Description", "Export", "Condition")]:
        raise format_error(f"Output {name} is malformed. Unknown members [{', '.join(unknown)}]")
    if "Export" in output and (not isinstance(output["Export"], dict) or "Name" not in output["Export"]):
        raise format_error(f"Output {name} is malformed. The Name field of every Export member must be specified.")
    condition = output.get("Condition")
    if condition is not None and condition not in template.conditions:
        raise format_error(f"Condition {condition} is not defined.")


def _refuse_nulls(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            if member is None:
                raise format_error(f"[{path}/{key}] 'null' values are not allowed in templates")
            _refuse_nulls(member, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is None:
                raise format_error(f"[{path}/{index}] 'null' values are not allowed in templates")
            _refuse_nulls(item, f"{path}/{index}")

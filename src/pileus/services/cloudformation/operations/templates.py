"""Templates: of a stack, or judged before there is one."""

import json
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.cloudformation import answers, errors, sources, state
from pileus.stacks import template as templates
from pileus.stacks.parameters import check_declarations
from pileus.stacks.prepare import needed_capabilities
from pileus.stacks.records import BLUEPRINTS
from pileus.stacks.references import check_references
from pileus.stacks.template import Template


async def get_template(call: Call, request: dict) -> dict:
    """A stack's or change set's template: as given, or with its transforms done.

    request  GetTemplateInput
    returns  TemplateBody as text; botocore's clients parse JSON where it is JSON
    errors   ValidationError, ChangeSetNotFound
    """
    if request.get("ChangeSetName"):
        change_set = await call.read(
            state.find_change_set, call.account, call.region, request["ChangeSetName"], request.get("StackName")
        )
        blueprint = None
        if change_set.blueprint:
            blueprint = await call.read(BLUEPRINTS.get, change_set.stack_id, change_set.blueprint)
    elif request.get("StackName"):
        _, blueprint = await call.read(state.stack_and_blueprint, call.account, call.region, request["StackName"])
    else:
        raise errors.ValidationError("StackName or ChangeSetName must be specified.")
    if blueprint is None:
        return {"TemplateBody": "", "StagesAvailable": ["Original"]}
    body = blueprint.template
    if request.get("TemplateStage") == "Processed" and blueprint.had_transforms:
        body = json.dumps(blueprint.expanded)
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


SUMMARY_NOT_YET = ("StackSetName", "TemplateSummaryConfig")


async def get_template_summary(call: Call, request: dict) -> dict:
    """What a template declares: parameters, types, transforms, the capabilities it needs.

    request  GetTemplateSummaryInput
    """
    for name in SUMMARY_NOT_YET:
        if name in request:
            raise NotImplementedByUs(f"cloudformation:GetTemplateSummary with {name}")
    if request.get("StackName"):
        _, blueprint = await call.read(state.stack_and_blueprint, call.account, call.region, request["StackName"])
        text, from_s3 = ("", False) if blueprint is None else (blueprint.template, True)
    else:
        text, from_s3 = await sources.template_text(call, request, None)
    template = _judged(text, from_s3)
    needed, reason = needed_capabilities(template)
    kinds = [resource.get("Type") for resource in template.resources.values() if isinstance(resource, dict)]
    out: dict[str, Any] = answers.present(
        Description=template.description,
        CapabilitiesReason=reason,
        Version=template.body.get("AWSTemplateFormatVersion"),
        Metadata=json.dumps(template.body["Metadata"]) if "Metadata" in template.body else None,
    )
    out["Parameters"] = answers.summarized_parameters(template)
    out["ResourceTypes"] = [kind for kind in kinds if isinstance(kind, str)]
    out["ResourceIdentifierSummaries"] = []
    if needed:
        out["Capabilities"] = needed
    if template.transforms:
        out["DeclaredTransforms"] = [_transform_name(each) for each in template.transforms]
    return out


async def validate_template(call: Call, request: dict) -> dict:
    """Whether a template is well formed, and what it declares.

    request  ValidateTemplateInput
    errors   ValidationError: "Template format error: …"
    """
    text, from_s3 = await sources.template_text(call, request, None)
    template = _judged(text, from_s3)
    needed, reason = needed_capabilities(template)
    out: dict[str, Any] = {"Parameters": answers.declared_parameters(template)}
    out |= answers.present(Description=template.description, CapabilitiesReason=reason)
    if needed:
        out["Capabilities"] = needed
    if template.transforms:
        out["DeclaredTransforms"] = [_transform_name(each) for each in template.transforms]
    return out


def _judged(text: str, from_s3: bool) -> Template:
    template = templates.read(text, from_s3=from_s3)
    check_declarations(template.parameters)
    if not template.transforms:
        templates.check_expanded(template)
        check_references(template)
    return template


def _transform_name(transform: Any) -> str:
    return transform.get("Name", "") if isinstance(transform, dict) else str(transform)

"""The CloudFormation type AWS::DynamoDB::Table, made of DynamoDB's public operations.

Source: CloudFormation template reference, AWS::DynamoDB::Table.
"""

from typing import Any

from pileus.services.dynamodb.resources import bringing
from pileus.services.dynamodb.resources.shapes import TABLE_PROPERTIES
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Created, Gone, ResourceContext, ResourceType, Updated


class Table(ResourceType):
    name = "AWS::DynamoDB::Table"
    properties = TABLE_PROPERTIES
    attributes = ("Arn", "StreamArn")
    named_by = "TableName"

    def check(self, properties: dict[str, Any]) -> None:
        for name in ("KeySchema", "AttributeDefinitions"):
            if name not in properties and "ImportSourceSpecification" not in properties:
                raise InvalidProperty(f"Property {name} is required for {self.name}.")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("TableName") or context.physical_name(max_length=255)
        if "ImportSourceSpecification" in properties:
            await bringing.make_by_import(context, name, properties)
        else:
            if await bringing.made_before(context, self.name, name) is None:
                await bringing.make(context, name, properties)
            await context.initiated(name)
        await bringing.until_active(context, name)
        await bringing.bring(context, name, {}, properties)
        return Created(name, await bringing.attributes_of(context, name))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        await bringing.until_active(context, physical_id)
        bringing.check_indexes(await bringing.require(context, physical_id), new)
        await bringing.bring(context, physical_id, old, new)
        return Updated(await bringing.attributes_of(context, physical_id))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await bringing.delete(context, physical_id)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        table = await bringing.described(context, physical_id)
        if table is None:
            raise Gone(physical_id)
        return self.coerced(await bringing.properties_of(context, table))

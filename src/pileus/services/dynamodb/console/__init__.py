"""DynamoDB's pages: tables, their items, what is asked in PartiQL, backups."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.dynamodb.console import backups, insights, items, settings, statements, streams, tables

CONSOLE = Pages(
    title="DynamoDB",
    about="tables, items, PartiQL, streams, backups, insights",
    menu=(("Tables", "tables"), ("PartiQL editor", "partiql"), ("Backups", "backups")),
    places={
        "tables": Place(tables.show_all, {"create": tables.create}),
        "tables/{table}": Place(
            tables.show,
            {
                "delete": tables.delete,
                "create-index": tables.create_index,
                "delete-index": tables.delete_index,
                "delete-vector-index": tables.delete_vector_index,
            },
        ),
        "tables/{table}/items": Place(items.show, {"delete": items.delete}),
        "tables/{table}/item": Place(items.show_one, {"put": items.put, "delete": items.delete}),
        "tables/{table}/stream": Place(
            streams.show, {"enable": streams.enable, "disable": streams.disable, "ttl": streams.set_ttl}
        ),
        "tables/{table}/backups": Place(
            backups.show,
            {"create": backups.create, "recovery": backups.set_recovery, "restore": backups.restore_to_time},
        ),
        "tables/{table}/insights": Place(insights.show, {"enable": insights.enable, "disable": insights.disable}),
        "tables/{table}/settings": Place(
            settings.show,
            {
                "capacity": settings.set_capacity,
                "protection": settings.set_protection,
                "tag": settings.tag,
                "untag": settings.untag,
                "policy": settings.put_policy,
            },
        ),
        "partiql": Place(statements.show, {"run": statements.run}),
        "backups": Place(backups.show_all, {"restore": backups.restore, "delete": backups.delete}),
    },
    folder=str(Path(__file__).parent),
)

"""IAM's pages: users, groups, roles, their permissions, policies, the policy simulator."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.iam.console import access_keys, groups, kinds, permissions, policies, roles, simulator, tags, users

TAGS = {"tag": tags.tag, "untag": tags.untag}
PERMISSIONS = Place(
    permissions.show,
    {"attach": permissions.attach, "detach": permissions.detach, "delete": permissions.delete_inline},
)
INLINE = Place(permissions.show_inline, {"put": permissions.put_inline})

CONSOLE = Pages(
    title="IAM",
    about="users, groups, roles, policies, the policy simulator",
    menu=(
        ("Users", "users"),
        ("Groups", "groups"),
        ("Roles", "roles"),
        ("Policies", "policies"),
        ("Policy simulator", "simulator"),
    ),
    places={
        "users": Place(users.show_all, {"create": users.create}),
        "users/{User}": Place(
            users.show,
            {
                "join": users.join,
                "leave": users.leave,
                "boundary": permissions.set_boundary,
                "delete": kinds.delete,
                **TAGS,
            },
        ),
        "users/{User}/permissions": PERMISSIONS,
        "users/{User}/inline": INLINE,
        "users/{User}/keys": Place(
            access_keys.show,
            {"create": access_keys.create, "status": access_keys.set_status, "delete": access_keys.delete},
        ),
        "groups": Place(groups.show_all, {"create": groups.create}),
        "groups/{Group}": Place(groups.show, {"add": groups.add, "remove": groups.remove, "delete": kinds.delete}),
        "groups/{Group}/permissions": PERMISSIONS,
        "groups/{Group}/inline": INLINE,
        "roles": Place(roles.show_all, {"create": roles.create}),
        "roles/{Role}": Place(
            roles.show,
            {
                "trust": roles.set_trust,
                "update": roles.update,
                "boundary": permissions.set_boundary,
                "delete": kinds.delete,
                **TAGS,
            },
        ),
        "roles/{Role}/permissions": PERMISSIONS,
        "roles/{Role}/inline": INLINE,
        "policies": Place(policies.show_all, {"create": policies.create}),
        "policies/{Policy}": Place(
            policies.show,
            {
                "create-version": policies.create_version,
                "set-default": policies.set_default,
                "delete-version": policies.delete_version,
                "delete": policies.delete,
                **TAGS,
            },
        ),
        "policies/{Policy}/entities": Place(policies.show_entities),
        "simulator": Place(simulator.show, {"run": simulator.run}),
    },
    folder=str(Path(__file__).parent),
)

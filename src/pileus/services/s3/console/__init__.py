"""S3's pages: buckets, what is in them, one object and its versions, a bucket's configurations."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.s3.console import buckets, management, objects, one_object, permissions, properties

CONSOLE = Pages(
    title="S3",
    about="buckets, objects, versions, policies, events",
    menu=(("Buckets", "buckets"),),
    places={
        "buckets": Place(buckets.show_all, {"create": buckets.create}),
        "buckets/{bucket}": Place(
            objects.show, {"upload": objects.upload, "put": objects.put_text, "delete": objects.delete}
        ),
        "buckets/{bucket}/object": Place(
            one_object.show,
            {
                "copy": one_object.copy,
                "tag": one_object.tag,
                "untag": one_object.untag,
                "delete": one_object.delete,
                "delete-version": one_object.delete_version,
            },
        ),
        "buckets/{bucket}/download": Place(one_object.download),
        "buckets/{bucket}/properties": Place(
            properties.show,
            {
                "versioning": properties.set_versioning,
                "encryption": properties.set_encryption,
                "lock": properties.set_lock,
                "notifications": properties.set_notifications,
                "tag": properties.tag,
                "untag": properties.untag,
            },
        ),
        "buckets/{bucket}/permissions": Place(
            permissions.show,
            {
                "block": permissions.set_block,
                "policy": permissions.set_policy,
                "ownership": permissions.set_ownership,
                "cors": permissions.set_cors,
            },
        ),
        "buckets/{bucket}/management": Place(
            management.show,
            {
                "lifecycle": management.set_lifecycle,
                "abort": management.abort,
                "empty": management.empty,
                "delete": management.delete,
            },
        ),
    },
    folder=str(Path(__file__).parent),
)

"""Who may do what with a bucket: public access block, policy, ownership, ACL, CORS."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.s3.console import documents
from pileus.services.s3.console.buckets import of, told, trail

BLOCKS = (
    ("BlockPublicAcls", "Refuse new ACLs that are public"),
    ("IgnorePublicAcls", "Ignore ACLs that are public"),
    ("BlockPublicPolicy", "Refuse policies that are public"),
    ("RestrictPublicBuckets", "Keep a bucket with a public policy to its account"),
)
PARTS = {
    "block": "GetPublicAccessBlock",
    "policy": "GetBucketPolicy",
    "status": "GetBucketPolicyStatus",
    "ownership": "GetBucketOwnershipControls",
    "acl": "GetBucketAcl",
    "cors": "GetBucketCors",
}


async def show(visit: Visit) -> Page:
    bucket = visit.labels["bucket"]
    parts = {name: await told(visit, operation, of(visit)) for name, operation in PARTS.items()}
    values = {"bucket": bucket, "here": "permissions", "blocks": BLOCKS, **parts}
    return Page("permissions.html", bucket, values, trail=trail(visit))


async def set_block(visit: Visit) -> Redirect:
    block = {name: bool(visit.typed(name)) for name, _ in BLOCKS}
    await visit.invoke("PutPublicAccessBlock", {**of(visit), "PublicAccessBlockConfiguration": block})
    return _back(visit, "The public access block is set.")


async def set_policy(visit: Visit) -> Redirect:
    """An empty text takes the policy away."""
    if visit.typed("policy"):
        await visit.invoke("PutBucketPolicy", {**of(visit), "Policy": visit.typed("policy")})
        return _back(visit, "The policy is in force.")
    await visit.invoke("DeleteBucketPolicy", of(visit))
    return _back(visit, "There is no policy any more.")


async def set_ownership(visit: Visit) -> Redirect:
    rules = [{"ObjectOwnership": visit.typed("ownership")}]
    await visit.invoke("PutBucketOwnershipControls", {**of(visit), "OwnershipControls": {"Rules": rules}})
    return _back(visit, "The ownership is set.")


async def set_cors(visit: Visit) -> Redirect:
    """An empty text takes the rules away."""
    if visit.typed("cors"):
        configuration = documents.read(visit.typed("cors"), documents.CORS)
        await visit.invoke("PutBucketCors", {**of(visit), "CORSConfiguration": configuration})
        return _back(visit, "The CORS rules are in force.")
    await visit.invoke("DeleteBucketCors", of(visit))
    return _back(visit, "There are no CORS rules any more.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buckets", visit.labels["bucket"], "permissions"), notice)

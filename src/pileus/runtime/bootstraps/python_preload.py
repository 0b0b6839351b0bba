"""What a Python zygote loads before it forks: the modules and service descriptions that most functions use.

Importing boto3 and making the first client takes some 600 ms, nearly all of it imports and JSON that is the same each
time. It is paid here, once.
"""

import sys

SERVICES = ("s3", "dynamodb", "sqs")
"""Whose descriptions are parsed ahead. Each costs a few MiB in the zygote, shared by all environments."""

STANDARD = (
    "base64 collections concurrent.futures csv datetime decimal email.message functools gzip hashlib hmac http.client "
    "io itertools json logging math os random re socket ssl statistics string tempfile threading traceback typing "
    "urllib.parse urllib.request uuid zipfile"
)

parsed = {}


def load(site):
    """Import; `site` is the folder that holds boto3. Where it holds none, the functions have none."""
    for name in STANDARD.split():
        __import__(name)
    from bootstraps import python_loop

    sys.path[:0] = [site]
    _load_boto3()
    python_loop.note_loaded(site)


def _load_boto3():
    try:
        import boto3
        import botocore.loaders
    except Exception as error:  # whatever a boto3 made for other versions raises: functions may do without it
        print(f"the Python runtime has no boto3: {error}", file=sys.stderr)
        return
    _share_parsed_files(botocore.loaders)
    session = boto3.session.Session("none", "none", region_name="us-east-1")
    for service in SERVICES:
        session.client(service, endpoint_url="http://127.0.0.1:9")  # makes no connection
    for module in ("s3transfer.manager", "boto3.dynamodb.conditions", "boto3.s3.transfer"):
        __import__(module)


def _share_parsed_files(loaders):
    """Let every session find the JSON files parsed already.

    botocore caches them per session, and its clients share the cached objects within one; sharing them between the
    sessions of a process is the same thing.
    """
    original = loaders.JSONFileLoader.load_file

    def load_file(self, file_path):
        key = (str(file_path), type(self))
        if key not in parsed:
            content = original(self, file_path)
            if content is None:
                return None
            parsed[key] = content
        return parsed[key]

    loaders.JSONFileLoader.load_file = load_file

"""AWS on the wire <-> plain dicts, compiled from botocore's models.

Interpreting a model for each call is what makes servers of this kind slow, so nothing here looks at a shape twice. When
an operation is first used, its shapes are walked once and turned into closures that hold just what they need: a
reader (HTTP -> dict), a checker (constraints) and a writer (dict -> HTTP). Where the wire form is already the dict
we want (JSON without blobs, timestamps or renamed members, which is most operations), the reader is `orjson.loads`
and the writer `orjson.dumps`.

    models      api = models.load("sqs"); op = api.operation("SendMessage"); op.parse, op.validate, op.serialize
    identify    which service, operation and protocol a request means
    errors      an AwsError as the protocol's bytes
    refusals    the errors that this package itself raises

    shapes, scalars             what a model says; text <-> values
    json, cbor, query           one file per wire format, each with `reader(op)`, `writer(op)` and `error_writer(api)`
    rest, rest_json, rest_xml   HTTP bindings, and the two protocols that have them
    xml                         XML elements <-> values, for query and rest-xml
    routes                      method and path -> operation
    overlays/                   what a service's wire does beyond its model, such as SQS's older query protocol

Values: timestamps are read as aware UTC datetimes and written from those or from seconds since the epoch; blobs are
bytes; a streaming payload is the request's Body on the way in, and bytes, a FilePart or an async iterator on the way out.
"""

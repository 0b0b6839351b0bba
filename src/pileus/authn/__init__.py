"""Who calls: signatures and session tokens.

signed.py    a signature as the request claims it, of whichever version
sigv4.py     reads and verifies Signature Version 4, in headers and in presigned URLs
sigv2.py     reads and verifies Signature Version 2, which S3 alone takes
canonical.py the canonical request, S3's and everybody else's
sigv4a.py    its asymmetric form, for several regions
payload.py   the body against the hash that was signed
chunked.py   aws-chunked bodies, each chunk with its own signature
sessions.py  temporary credentials
tokens.py    session tokens: sealed, so that verifying needs no lookup
refusals.py  AWS's answers to those who fail, in each protocol's spelling
"""

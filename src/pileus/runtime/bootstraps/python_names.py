"""Inside a Python function every name of AWS leads to Pileus, for clients that know no AWS_ENDPOINT_URL too.

Name resolution is where that can be said once for urllib3, http.client, asyncio and the rest: they all connect to the
(address, port) pairs that getaddrinfo answers. Port 443 leads to the listener that ends TLS with a certificate the
sandbox trusts, port 80 to Pileus itself.
"""

import socket

SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")


def redirect(http, https):
    """http, https: (address, port) to use instead of AWS's."""
    original = socket.getaddrinfo

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").lower().endswith(SUFFIXES):
            if str(port) in ("443", "https"):
                host, port = https
            elif str(port) in ("80", "http"):
                host, port = http
            family = 0
        return original(host, port, family, type, proto, flags)

    socket.getaddrinfo = getaddrinfo

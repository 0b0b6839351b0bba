"""Inside functions AWS's names lead to Pileus, over https too: a local certificate authority, and a listener that ends TLS.

Some clients know no AWS_ENDPOINT_URL (the JavaScript SDK v2, old boto3), and an API's own address is a name of AWS
(https://<id>.execute-api.<region>.amazonaws.com). In a sandbox such names resolve to the listener here
(bootstraps/python_names.py, node_names.js); it shows a certificate for the name asked for, signed by the authority
that the sandbox trusts and nothing else does, and passes the bytes on to Pileus's own port.

The authority's key never leaves the data directory, and functions can't see that.
"""

import asyncio
import collections
import contextlib
import datetime
import os
import pathlib
import ssl
from urllib.parse import urlsplit

from pileus.kernel.tasks import Tasks
from pileus.runtime.environment import WALL
from pileus.runtime.sandbox import CA_BUNDLES

SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")
CERTIFICATES_LIMIT = 200
CHUNK_BYTES = 1 << 16


class Authority:
    """The certificate authority of one data directory, made once."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.bundle = folder / "ca-bundle.pem"
        self._contexts: collections.OrderedDict[str, ssl.SSLContext] = collections.OrderedDict()

    def prepare(self) -> None:
        """Make what is missing. Blocks for some milliseconds."""
        certificate, key = self.folder / "ca.pem", self.folder / "ca.key"
        if not (certificate.exists() and key.exists()):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_authority(certificate, key)
        _write(self.bundle, _host_bundle() + b"\n" + certificate.read_bytes(), 0o644)

    def context(self, name: str) -> ssl.SSLContext:
        """A server's TLS settings with a certificate for this name."""
        context = self._contexts.pop(name, None)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            chain = self.folder / f".{os.getpid()}.leaf.pem"  # ssl reads certificates from files only
            try:
                _write(chain, _make_leaf(name, self.folder / "ca.pem", self.folder / "ca.key"), 0o600)
                context.load_cert_chain(chain)
            finally:
                chain.unlink(missing_ok=True)
        self._contexts[name] = context
        if len(self._contexts) > CERTIFICATES_LIMIT:
            self._contexts.popitem(last=False)
        return context


class Names:
    """The listeners that stand for AWS's names: one per address of Pileus that functions are told."""

    def __init__(self, folder: pathlib.Path, tasks: Tasks) -> None:
        self.authority = Authority(folder)
        self.tasks = tasks
        self._prepared: asyncio.Task[None] | None = None
        self._listeners: dict[str, asyncio.Server] = {}
        self._opening = asyncio.Lock()

    async def ca_bundle(self) -> str:
        if self._prepared is None:
            work = asyncio.to_thread(self.authority.prepare)
            self._prepared = self.tasks.start("making the certificate authority", work)
        await asyncio.shield(self._prepared)
        return str(self.authority.bundle)

    async def addresses(self, endpoint_url: str | None) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """Where port 80 and port 443 of AWS's names lead: (address, port) each. None without an endpoint."""
        if endpoint_url is None:
            return None
        parts = urlsplit(endpoint_url)
        plain = (parts.hostname or "127.0.0.1", parts.port or 80)
        if parts.scheme == "https":
            return plain, plain
        await self.ca_bundle()
        async with self._opening:
            if endpoint_url not in self._listeners:
                self._listeners[endpoint_url] = await self._listen(*plain)
        host, port = self._listeners[endpoint_url].sockets[0].getsockname()[:2]
        return plain, (host, port)

    async def _listen(self, host: str, port: int) -> asyncio.Server:
        context = self.authority.context("amazonaws.com")

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name and name.lower().endswith(SUFFIXES):
                connection.context = self.authority.context(name.lower())

        context.sni_callback = choose

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                await _forward(reader, writer, host, port)
            writer.close()

        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)

    def close(self) -> None:
        for server in self._listeners.values():
            server.close()
        self._listeners.clear()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there_reader, there_writer = await asyncio.open_connection(host, port)
    try:
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
    finally:
        there_writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK_BYTES):
        target.write(data)
        await target.drain()
    target.close()


def _host_bundle() -> bytes:
    import botocore

    candidates = [*CA_BUNDLES, ssl.get_default_verify_paths().cafile]
    candidates.append(str(pathlib.Path(botocore.__file__).parent / "cacert.pem"))
    for path in candidates:
        if path and os.path.exists(path):
            return pathlib.Path(path).read_bytes()
    return b""


def _make_authority(certificate: pathlib.Path, key: pathlib.Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Pileus local certificate authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    made = (
        _builder(name, name, private.public_key(), days=3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(private, hashes.SHA256())
    )
    _write(key, _pem(private), 0o600)
    _write(certificate, _pem(made), 0o644)


def _make_leaf(name: str, certificate: pathlib.Path, key: pathlib.Path) -> bytes:
    """Certificate, authority and key for one name, as one PEM text."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority = x509.load_pem_x509_certificate(certificate.read_bytes())
    authority_key = serialization.load_pem_private_key(key.read_bytes(), None)
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    issuer_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    made = (
        _builder(subject, authority.subject, private.public_key(), days=365)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(made) + certificate.read_bytes() + _pem(private)


def _builder(subject, issuer, public_key, *, days: int):
    from cryptography import x509

    now = datetime.datetime.fromtimestamp(WALL.now_ms() / 1000, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _pem(value) -> bytes:
    from cryptography.hazmat.primitives import serialization

    if hasattr(value, "public_bytes"):
        return value.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    return value.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _write(path: pathlib.Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others in between."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    aside.rename(path)

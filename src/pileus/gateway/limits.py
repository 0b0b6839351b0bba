"""What one sender may take of us. All at the head of one file, so that nothing that can grow is without a bound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the HTTP server. Bodies have none here: whoever reads one says how much it takes.

    connections     open at once; the next one is answered 503. Twice an SDK's largest usual pool, times many processes
    head_bytes      request line and headers together, else 400: as much as DynamoDB takes of either. API Gateway takes
                    10 KB, S3 8 KB, session tokens in presigned URLs included
    head_s          from the first byte of a head to its last, else 408; also for a TLS handshake
    keep_alive_s    a connection without a request is closed after this; longer than SDKs keep theirs (60 s)
    body_s          how long a handler that reads waits for the next bytes of a body
    write_s         how long a receiver may take nothing of a response
    linger_s        after an answer that ends the connection: how long we still swallow what the sender sends, so that
                    a reset does not destroy the answer before it is read
    body_held_bytes what is read ahead of the handler before the sender is made to wait
    drain_bytes     of an unread body, swallowed to keep the connection; where more is to come, it is closed
    write_held_bytes what is buffered for a receiver before the response's source is made to wait
    """

    connections: int = 2000
    head_bytes: int = 16 * 1024
    head_s: float = 20
    keep_alive_s: float = 75
    body_s: float = 20
    write_s: float = 60
    linger_s: float = 2
    body_held_bytes: int = 1024 * 1024
    drain_bytes: int = 256 * 1024
    write_held_bytes: int = 512 * 1024

    @property
    def look_every_s(self) -> float:
        """How often connections are looked at for the times above."""
        return min(1, self.head_s / 4, self.keep_alive_s / 4, self.body_s / 4, self.write_s / 4, self.linger_s / 4)

"""The settings, frozen: one object, made once from the options and the environment."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsError(Exception):
    """Settings that can't be served, in words for the user."""


@dataclass(frozen=True)
class Settings:
    """
    durability  fsync: survives loss of power; process: survives kill -9; none: keeps nothing it need not
    auth        local: test/test and twelve-digit keys are the root of an account on loopback, but to functions; strict:
                only keys that exist
    is_loss_accepted  open a damaged log as far as it can be read
    iam         enforce, audit (log what would be denied) or off
    is_dynamodb_throttle  provisioned capacity is enforced, not only recorded
    """

    port: int = 4566
    host: str = "127.0.0.1"
    data_dir: Path = Path.home() / ".pileus"
    is_ephemeral: bool = False
    durability: str = "fsync"
    auth: str = "local"
    iam: str = "enforce"
    region: str = "us-east-1"
    account: str = "000000000000"
    is_loss_accepted: bool = False
    is_known_open: bool = False
    tls_port: int | None = None
    is_dynamodb_throttle: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("durability", ("fsync", "process", "none")),
            ("auth", ("local", "strict")),
            ("iam", ("enforce", "audit", "off")),
        ):
            if getattr(self, name) not in allowed:
                raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        if len(self.account) != 12 or not self.account.isdigit():
            raise SettingsError(f"account must be twelve digits, not {self.account!r}")
        if self.host not in LOOPBACK and self.auth != "strict" and not self.is_known_open:
            raise SettingsError(
                f"{self.host} can be reached from other machines, and with --auth local anybody with the key test/test "
                "is root. Add --auth strict (or --i-know-this-is-open)."
            )

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK


def from_environment(**options: object) -> Settings:
    """Settings from PILEUS_…; options that are not None win."""
    values: dict[str, object] = {}
    for field in fields(Settings):
        text = os.environ.get("PILEUS_" + field.name.removeprefix("is_").upper())
        if text is not None:
            values[field.name] = _read(field.name, text)
    values.update({name: value for name, value in options.items() if value is not None})
    return Settings(**values)


def _read(name: str, text: str) -> object:
    if name in ("port", "tls_port"):
        if not text.isdigit():
            raise SettingsError(f"PILEUS_{name.upper()} must be a number, not {text!r}")
        return int(text)
    if name.startswith("is_"):
        return text.lower() in ("1", "true", "yes")
    return Path(text).expanduser() if name == "data_dir" else text

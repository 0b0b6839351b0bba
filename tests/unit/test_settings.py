"""Settings: what is refused, and that the environment is read."""

import pytest

from pileus.config import Settings, SettingsError, from_environment


def test_a_host_that_others_reach_needs_strict_auth():
    with pytest.raises(SettingsError, match="--auth strict"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", auth="strict").host == "0.0.0.0"
    assert Settings(host="0.0.0.0", is_known_open=True).auth == "local"


def test_an_account_has_twelve_digits():
    with pytest.raises(SettingsError, match="twelve digits"):
        Settings(account="12345678901")


def test_the_environment_is_read_and_options_win(monkeypatch):
    monkeypatch.setenv("PILEUS_PORT", "5000")
    monkeypatch.setenv("PILEUS_EPHEMERAL", "true")
    monkeypatch.setenv("PILEUS_REGION", "eu-west-1")
    settings = from_environment(region="eu-central-1", account=None)
    assert (settings.port, settings.is_ephemeral, settings.region) == (5000, True, "eu-central-1")


def test_a_port_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("PILEUS_PORT", "many")
    with pytest.raises(SettingsError, match="must be a number"):
        from_environment()

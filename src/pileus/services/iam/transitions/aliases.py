"""The account's alias: one, and unique among all accounts."""

from pileus.services.iam import state
from pileus.services.iam.errors import EntityAlreadyExists, NoSuchEntity
from pileus.store.transaction import Transaction


def create(tx: Transaction, account: str, alias: str) -> None:
    """A new alias replaces the old one. Source: IAM API reference, CreateAccountAlias."""
    holder = state.ALIASES.get(tx, alias)
    if holder is not None:
        raise EntityAlreadyExists(f"The account alias {alias} already exists.")
    for old in aliases(tx, account):
        state.ALIASES.delete(tx, old)
    state.ALIASES.insert(tx, state.AccountAlias(alias, account))


def delete(tx: Transaction, account: str, alias: str) -> None:
    holder = state.ALIASES.get(tx, alias)
    if holder is None or holder.account != account:
        raise NoSuchEntity(f"The account alias with name {alias} cannot be found.")
    state.ALIASES.delete(tx, alias)


def aliases(tx: Transaction, account: str) -> list[str]:
    return [row.alias for row in state.ALIASES.by_account.scan(tx, account)]

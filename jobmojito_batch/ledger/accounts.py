"""What an account is called in the ledger: base URL, merchant and environment (spec section 2)."""


def account_of(base_url: str, merchant: str, environment: str) -> str:
    """The account of an invitation key."""
    return f"{base_url}|{merchant}|{environment}"


def environment_in(account: str) -> str:
    """The environment label of an account."""
    return account_parts(account)[2]


def account_parts(account: str) -> tuple[str, str, str]:
    """Base URL, merchant and environment again."""
    base_url, _, rest = account.partition("|")
    merchant, _, environment = rest.rpartition("|")
    return base_url, merchant, environment


def merchant_in(account: str) -> str:
    """The merchant of an account; neither a base URL nor an environment label holds a bar."""
    return account_parts(account)[1]

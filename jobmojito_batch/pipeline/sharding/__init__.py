"""
A run in shards: its rows are cut into files, and others send them, on as many machines as help.

The ledger keeps together what must be: one claim an invitation, one opener a position, one pace,
one day's cap. This package knows no Prefect; who starts the others is a Launcher.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

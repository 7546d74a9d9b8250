"""The durable record of claims and outcomes. What it returns from has reached the disk."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The staircase: take, prepare, deliver, conclude, finish. Both front doors climb it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Where exports land: whole files are taken, and put away when they are done."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The API over HTTP: one method per endpoint; the only room that knows HTTP."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""What candidates are told: drafts, or posted once each (spec section 11)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

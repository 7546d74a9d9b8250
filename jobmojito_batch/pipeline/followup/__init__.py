"""What became of invitations: who started, finished, was scored, was decided (spec section 10)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

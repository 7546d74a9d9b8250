"""
The stand-in API: the documented behaviour of the endpoint and its neighbours, on loopback.

A real server, so that real clients meet real sockets, and as unkind as the real one: two first
calls for one position create twins, a client that hangs up stops nothing, members nobody knows
are dropped. A scenario file (TOML) turns faults on:

    latency = 0.2                # seconds a create takes; position_latency for opening a position
    credits = 25                 # when they are out: credits_status (402) and credits_message
    requests_per_second = 5      # beyond it 429 with Retry-After
    statuses = { "ann@example.com" = "ai_reject" }

    [[faults]]                   # which calls it strikes: all conditions given have to hold
    call = [3, 4]                # the nth create calls; also every, share, times, attempt,
    status = 503                 # email, emails, position, endpoint. Then what it does:
    code = "BOOT_ERROR"          # status, disconnect, hang, garbage or slow_drip

docs/sandbox.md has every setting. It is for rehearsal and tests; what sends never imports it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

from .app import create_app
from .log import Entry, creates_per_invitation, read_log
from .scenario import Fault, Scenario, load_scenario
from .server import RunningSandbox, serve

__all__ = [
    "Entry",
    "Fault",
    "RunningSandbox",
    "Scenario",
    "create_app",
    "creates_per_invitation",
    "load_scenario",
    "read_log",
    "serve",
]

"""Person: what the ledger knows of somebody, their link, and forgetting them."""

from starlette.responses import Response

from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError
from jobmojito_batch.pipeline import invitations_of


def show(visit: Visit) -> Response:
    """The page before anybody is looked for."""
    return visit.page("person.html", known=None, email="", traces=0, revealed=0)


def find(visit: Visit) -> Response:
    """What is known of an address; with one link where it is asked for."""
    email = visit.said("email").lower()
    with visit.desk.ledger() as ledger:
        known = invitations_of(ledger, email) if ledger is not None and email else []
        traces = ledger.people.traces_of(email) if ledger is not None and email else 0
    revealed = visit.number("reveal")
    return visit.page("person.html", known=known, email=email, traces=traces, revealed=revealed)


def forget(visit: Visit) -> Response:
    """Erase somebody, where the box is ticked that says so."""
    email = visit.said("email")
    if visit.said("sure") != "yes" or not email:
        raise BatchError("nothing was erased: tick the box that says that it cannot be taken back")
    with visit.desk.ledger() as ledger:
        if ledger is not None:
            ledger.people.forget(email)
    return visit.go("/person", said="erased")

"""Progress: where the sending stands, and Stop."""

from starlette.responses import Response

from jobmojito_batch.desk.sends import Send, SendState, latest_of
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.desk.wording import counted, duration
from jobmojito_batch.sending import Progress


def show(visit: Visit) -> Response:
    """The page; once it is over, the results."""
    send = latest_of(visit.upload)
    if send is None:
        return visit.go(f"{visit.home}/plan")
    state, progress, order = send.state, send.progress, send.order
    if state is SendState.ENDED:
        results = f"/runs/{send.run_id}"
        return Response(headers={"HX-Redirect": results}) if visit.is_partial else visit.go(results)
    ordered = order.to_send if order is not None else 0
    return visit.page(
        "progress.html",
        state=state.value,
        total=progress.total if progress is not None else ordered,
        settled=min(progress.settled, progress.total) if progress is not None else 0,
        outcomes=progress.outcomes if progress is not None else {},
        sentence=_sentence(send, state, progress),
        remark=_remark(progress) if progress is not None and state is SendState.GOING_ON else "",
        run_id=send.run_id,
    )


def stop(visit: Visit) -> Response:
    """Calls under way end, nothing more is sent."""
    send = latest_of(visit.upload)
    if send is not None:
        send.errand.stop()
    return visit.go(f"{visit.home}/progress", said="stopping")


def _sentence(send: Send, state: SendState, progress: Progress | None) -> str:
    if state is SendState.NOT_BEGUN and (end := send.end) is not None:
        return f"{end.sentence}."
    if state is SendState.BROKEN_OFF:
        begun = (
            "What was under way then is looked up before anything is sent again, so nobody is "
            "invited twice."
            if send.run_id is not None
            else "It had sent nothing."
        )
        return (
            f"The sending ended before its time: it was killed, or the machine went down. {begun}"
        )
    if progress is None:
        return "Reading the file once more before the first invitation leaves."
    return "Sending. This page may be closed: the sending goes on without it."


def _remark(progress: Progress) -> str:
    if progress.is_away:
        return (
            "No connection to the API: the run waits and tries again; Stop ends it, and nothing is "
            "lost."
        )
    if progress.in_doubt and not progress.in_flight:
        return (
            f"Looking up {counted(progress.in_doubt, 'invitation')} without a trustworthy answer; "
            "what did not happen shows only after a while."
        )
    if not progress.settled or progress.settled >= progress.total:
        return ""
    left = progress.seconds / progress.settled * (progress.total - progress.settled)
    return f"About {duration(left)} left, {progress.in_flight} calls under way."

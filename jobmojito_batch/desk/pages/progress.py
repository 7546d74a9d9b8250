"""Progress: where the sending stands, and Stop."""

from dataclasses import dataclass

from starlette.responses import Response

from jobmojito_batch.desk.sends import Progress, Send, SendState, latest_of
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.desk.wording import counted, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """What the page shows."""

    state: str
    total: int
    settled: int
    outcomes: list[tuple[str, int]]
    sentence: str
    remark: str = ""
    run_id: str | None = None

    @property
    def is_going_on(self) -> bool:
        """Whether the page looks again."""
        return self.state == SendState.GOING_ON.value

    @property
    def is_left_over(self) -> bool:
        """Whether there is a plan to go on from."""
        return self.state in {SendState.BROKEN_OFF.value, SendState.NOT_BEGUN.value}


def show(visit: Visit) -> Response:
    """The page; once it is over, the results."""
    send = latest_of(visit.open.upload)
    if send is None:
        return visit.go(f"{visit.home}/plan")
    state = send.state
    if state is SendState.ENDED and send.end is not None:
        where = f"/runs/{send.end.run_id}"
        if visit.is_partial:
            return Response(headers={"HX-Redirect": where})
        return visit.go(where)
    return visit.page("progress.html", view=_view(send, state), home=visit.home)


def stop(visit: Visit) -> Response:
    """Calls under way end, nothing more is sent."""
    send = latest_of(visit.open.upload)
    if send is not None:
        send.stop()
    return visit.go(f"{visit.home}/progress", said="stopping")


def _view(send: Send, state: SendState) -> ProgressView:
    progress, order = send.progress, send.order
    return ProgressView(
        state=state.value,
        total=progress.total or (order.to_send if order is not None else 0),
        settled=min(progress.settled, progress.total),
        outcomes=sorted(progress.outcomes.items()),
        sentence=_sentence(send, state),
        remark=_remark(progress) if state is SendState.GOING_ON else "",
        run_id=send.run_id,
    )


def _sentence(send: Send, state: SendState) -> str:
    end = send.end
    if state is SendState.NOT_BEGUN and end is not None:
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
    if not send.progress.run_id:
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

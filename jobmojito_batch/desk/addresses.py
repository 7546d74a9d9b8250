"""The addresses of the desk: what shows each, and what a form that is posted there does."""

from typing import Final

from jobmojito_batch.desk.pages import (
    afterwards,
    columns,
    person,
    plan,
    progress,
    results,
    rows,
    runs,
    start,
)
from jobmojito_batch.desk.visit import Answer

_UPLOAD: Final = "/uploads/{upload}"
_RUN: Final = "/runs/{run}"
PAGES: Final[tuple[tuple[str, Answer | None, Answer | None], ...]] = (
    ("/", start.show, None),
    ("/uploads", None, start.take),
    (f"{_UPLOAD}/remove", None, start.remove),
    (f"{_UPLOAD}/columns", columns.show, columns.take),
    (f"{_UPLOAD}/columns/forget", None, columns.forget),
    (f"{_UPLOAD}/rows", rows.show, rows.correct),
    (f"{_UPLOAD}/rows/leave-out", None, rows.leave_out),
    (f"{_UPLOAD}/rows/replace", None, rows.replace),
    (f"{_UPLOAD}/rows/undo", None, rows.undo),
    (f"{_UPLOAD}/corrected", rows.download, None),
    (f"{_UPLOAD}/plan", plan.show, plan.answer),
    (f"{_UPLOAD}/send", None, plan.send),
    (f"{_UPLOAD}/progress", progress.show, None),
    (f"{_UPLOAD}/stop", None, progress.stop),
    ("/runs", runs.show, None),
    ("/runs/reconcile", None, runs.reconcile),
    (_RUN, results.show, results.show),
    (f"{_RUN}/link", None, results.reveal),
    (f"{_RUN}/files/{{name}}", results.download, None),
    (f"{_RUN}/afterwards", afterwards.show, None),
    (f"{_RUN}/afterwards/{{name}}", afterwards.download, None),
    (f"{_RUN}/letters", None, afterwards.write_letters),
    (f"{_RUN}/letters/post", None, afterwards.post_letters),
    (f"{_RUN}/followup", None, afterwards.follow_up),
    ("/person", person.show, person.find),
    ("/person/forget", None, person.forget),
)
"""Each address: what shows it, and what a form that is posted there does."""

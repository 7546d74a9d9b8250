"""Whether the columns mean tonight what they meant in the earlier nights of the series."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from jobmojito_batch.normalise import changed_headers, header_keys
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.records import InputDoubt

SAME_KIND: Final = 0.5
"""At least this share of the headers is common to two files of one kind of export."""
MOST_NAMED: Final = 5


def drifted(
    layouts: Sequence[Layout], earlier: Sequence[Layout], parameters: InviteParameters
) -> tuple[InputDoubt, ...]:
    """
    A doubt for each input in which a field lost its column since then, or another column has it.

    Against the most alike of the *earlier* layouts, the latest first; a file that is like none of
    them is another kind of export. What somebody has said of the columns is no doubt.
    """
    return tuple(
        doubt
        for layout in layouts
        if not _is_said(layout, parameters)
        for doubt in _drift(layout, _nearest(layout, earlier), parameters)
    )


def _is_said(layout: Layout, parameters: InviteParameters) -> bool:
    """Whether a mapping file was saved of a file with these headers."""
    known = parameters.known_headers
    return bool(known) and changed_headers(layout.headers, known, parameters.mapping) is None


def _nearest(layout: Layout, earlier: Sequence[Layout]) -> Layout | None:
    """The one with the most headers in common; None where that is less than half of them."""
    own = _keys(layout)
    shares = [len(own & _keys(other)) / max(1, len(own | _keys(other))) for other in earlier]
    best = max(shares, default=0.0)
    return earlier[shares.index(best)] if best >= SAME_KIND else None


def _keys(layout: Layout) -> set[str]:
    return set(header_keys(layout.headers)) - {""}


def _drift(
    layout: Layout, before: Layout | None, parameters: InviteParameters
) -> Iterator[InputDoubt]:
    changes = list(_changes(before, layout, parameters)) if before is not None else []
    if changes:
        more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
        yield InputDoubt(
            kind="headers",
            source=layout.source,
            sentence="its columns are not what they were in the earlier runs of these inputs: "
            f"{'; '.join(changes[:MOST_NAMED])}{more}",
            option='say which column is which with --map "HEADER=FIELD", or keep what is right: '
            "`check` with --save-mapping FILE, then run with --mapping FILE",
        )


def _changes(before: Layout, layout: Layout, parameters: InviteParameters) -> Iterator[str]:
    """Fields that lost their column, and those that another has now."""
    told = {_key(header) for header, field in parameters.mapping.items() if field}
    said = {_key(header) for header in parameters.mapping}
    now = _columns(layout)
    for field, header in _columns(before).items():
        own = now.get(field)
        if own is None and field not in parameters.values and _key(header) not in said:
            yield f"{field} was read from '{header}', and no column is it now"
        elif own is not None and _key(own) not in {_key(header), *told}:
            yield f"{field} was read from '{header}', and now from '{own}'"


def _columns(layout: Layout) -> Mapping[str, str]:
    """The header of each field."""
    return {field: layout.headers[column] for field, column in layout.fields.items()}


def _key(header: str) -> str:
    [key] = header_keys([header])
    return key

"""
Which rows of the API's list are of which invitation; pure.

By the enrolment's id first, then by address within the position, by external id last. Whatever
fits twice, or may be another enrolment than ours, is said and not guessed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobmojito_batch.contract import FollowUpRow
from jobmojito_batch.ledger import Followed
from jobmojito_batch.normalise import folded_name

Rows = list[FollowUpRow]


@dataclass(slots=True)
class Joined:
    """Invitations by id: with the rows of their enrolment, or why there is no telling."""

    rows: dict[int, Rows] = field(default_factory=dict, repr=False)
    why: dict[int, str] = field(default_factory=dict)


def joined(
    mine: Sequence[Followed], listed: Iterable[FollowUpRow], *, definition_id: str | None = None
) -> Joined:
    """
    The rows of *mine* among those that were *listed*; who is in neither was not listed.

    *definition_id* where the list was that of one definition, which is that of all of *mine*.
    """
    groups = _Enrolments(listed, definition_id)
    key_of: dict[int, object] = {}
    result = Joined()
    for of in mine:
        if of.enrolment_id in groups.rows:
            key_of[of.invitation_id] = of.enrolment_id
    taken = set(key_of.values())
    for of in mine:
        if of.invitation_id in key_of:
            continue
        fitting = [key for key in groups.of(of) if key not in taken]
        if of.enrolment_id is not None and any(isinstance(key, str) for key in fitting):
            result.why[of.invitation_id] = "it has another enrolment of this address than ours"
        elif len(fitting) > 1:
            result.why[of.invitation_id] = f"{len(fitting)} enrolments fit it"
        elif fitting:
            key_of[of.invitation_id] = fitting[0]
    _refuse_shared(key_of, taken, result)
    result.rows = {of: groups.rows[key] for of, key in key_of.items()}
    return result


def _refuse_shared(key_of: dict[int, object], by_id: set[object], result: Joined) -> None:
    """One enrolment is of one invitation, unless its id says more."""
    often = Counter(key_of.values())
    for of, key in list(key_of.items()):
        if often[key] > 1 and key not in by_id:
            del key_of[of]
            result.why[of] = "the same enrolment fits two invitations"


class _Enrolments:
    """Rows by enrolment; those without its id by address."""

    def __init__(self, listed: Iterable[FollowUpRow], definition_id: str | None) -> None:
        self._definition_id = definition_id
        self.rows: dict[object, Rows] = {}
        self._by_email: dict[str, list[object]] = {}
        self._by_external_id: dict[str, list[object]] = {}
        for number, row in enumerate(listed):
            self._add(row, number)

    def _add(self, row: FollowUpRow, number: int) -> None:
        email = (row.candidate_email or "").strip().lower()
        key: object = row.profile_interview_id or (email or number, row.definition_id)
        if key not in self.rows:
            self.rows[key] = []
            if email:
                self._by_email.setdefault(email, []).append(key)
            elif row.external_id:
                self._by_external_id.setdefault(row.external_id, []).append(key)
        self.rows[key].append(row)

    def of(self, invitation: Followed) -> list[object]:
        """The enrolments that may be an invitation's."""
        by_email = self._by_email.get(invitation.candidate_email.lower(), [])
        by_id = self._by_external_id.get(invitation.candidate_external_id or "", [])
        return [key for key in by_email or by_id if self._fits(self.rows[key], invitation)]

    def _fits(self, rows: Rows, invitation: Followed) -> bool:
        is_listed = self._definition_id is not None
        return any(
            (is_listed and row.definition_id in {None, self._definition_id})
            or fits_position(row, invitation)
            for row in rows
        )


def fits_position(row: FollowUpRow, invitation: Followed) -> bool:
    """By the definition's id where we know one, or by the position's name."""
    known = {invitation.interview_def_set_id, invitation.position_def_set_id}
    if row.definition_id is not None and row.definition_id in known:
        return True
    if row.position_name is None or invitation.opening_key is None:
        return False
    return folded_name(row.position_name) == invitation.opening_key


def definition_of(mine: Iterable[Followed]) -> Mapping[int, str]:
    """The definition of each position that any invitation of it names, the most frequent."""
    named: dict[int, Counter[str]] = {}
    for of in mine:
        definition = of.interview_def_set_id or (of.last.definition_id if of.last else None)
        if definition is not None:
            named.setdefault(of.position_id, Counter())[definition] += 1
    return {position: counts.most_common(1)[0][0] for position, counts in named.items()}

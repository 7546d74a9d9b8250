"""Why a résumé file gave no text."""


class ResumeProblem(Exception):  # noqa: N818 - a state of one row, not a failure of the program
    """A sentence for a person: what was seen and what to do; no name, path or content in it."""

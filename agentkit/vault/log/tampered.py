"""What of the audit log does not hold, and at which record?

It never leaves the program: who verifies makes a verdict of it.
"""


class TamperedError(Exception):
    """Evidence that somebody changed the log; `record` is its number, None where no record can be named."""

    def __init__(self, what: str, record: "int | None" = None) -> None:
        super().__init__(what)
        self.what = what
        self.record = record

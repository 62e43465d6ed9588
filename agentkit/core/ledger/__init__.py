"""The evidence ledger: the one place where all evidence comes together. SQL lives only here."""

from agentkit.core.ledger.faults import CorruptLedgerError
from agentkit.core.ledger.intake import take_in_spool
from agentkit.core.ledger.opening import open_ledger, with_ledger
from agentkit.core.ledger.store import Ledger
from agentkit.core.ledger.views import open_read_only, open_view

__all__ = [
    "CorruptLedgerError",
    "Ledger",
    "open_ledger",
    "open_read_only",
    "open_view",
    "take_in_spool",
    "with_ledger",
]

"""The evidence ledger: the one place where all evidence comes together. SQL lives only here."""

from agentkit.core.ledger.faults import CorruptLedgerError
from agentkit.core.ledger.intake import take_in_spool
from agentkit.core.ledger.opening import open_ledger, with_ledger
from agentkit.core.ledger.store import Ledger

__all__ = ["CorruptLedgerError", "Ledger", "open_ledger", "take_in_spool", "with_ledger"]

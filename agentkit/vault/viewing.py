"""How does a verb that only looks come by what it shows, and what does it say beside its answer?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import warn
from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError
from agentkit.vault.lastuses import LastUses
from agentkit.vault.log.segments import take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.manifest import Manifest
from agentkit.vault.places import Places


def read_host(environ: Mapping[str, str]) -> str:
    """Return the name of this machine as records have it."""
    return load_configuration(environ, own=("vault",), warn=warn).host


def read_uses(places: Places, only: str | None = None) -> LastUses | None:
    """Return what the log tells of each secret, or of one; None where it cannot be read, which stderr is told."""
    uses = LastUses(only)
    try:
        uses.read_on(take_snapshot(places.audit).segments)
    except (TamperedError, AgentkitError) as error:
        what = error.what if isinstance(error, TamperedError) else error.message
        warn(f"audit log: {what}; who used what is not known: agentkit vault check")
        return None
    return uses


def warn_of_doubts(manifest: Manifest) -> None:
    """Say on stderr which rows are not to be believed."""
    if manifest.unverified is not None:
        warn(f"{manifest.unverified.message}: whether these rows are what was set was not verified")
    for entry in manifest.entries:
        if entry.trouble is not None:
            warn(f"{entry.trouble.message.removesuffix('; nothing was released')}: agentkit vault check")

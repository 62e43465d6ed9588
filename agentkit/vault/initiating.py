"""What does a person have to know who has just made a vault?"""

from __future__ import annotations

from agentkit.core.screen import Styled, print_line
from agentkit.vault.founding import Founded


def print_founded(founded: Founded, new_recovery: str | None) -> None:
    """Print where things are, and what is to be done with the recovery key."""
    made = "made" if founded.made_identity else "was there, and is used"
    print_line(Styled("vault     ", "heading"), founded.vault)
    print_line(Styled("identity  ", "heading"), f"{founded.identity} ({made})")
    print_line(Styled("recovery  ", "heading"), founded.recipients.recovery)
    if new_recovery is not None:
        print_line("")
        print_line(f"{new_recovery} opens every secret of this vault, also when the identity is lost or rotated.")
        print_line(
            "Take it off this machine now: copy it to a stick or print it, keep it in a safe, then remove it here:"
        )
        print_line(f"  shred -u {new_recovery}")
        print_line("With it, and no agentkit: age -d -i recovery.key secrets/NAME.age")

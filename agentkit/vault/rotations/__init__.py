"""New values for secrets, and new identities for the vault, with nobody there."""

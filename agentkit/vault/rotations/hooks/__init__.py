"""The hooks that ship: programs that make, set, test and revoke a secret where it is kept."""

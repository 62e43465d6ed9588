"""Every value of the vault masked in whatever passes through a pipe."""

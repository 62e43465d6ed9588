"""evolve: the machine changes its own scripts, and keeps only what passes."""

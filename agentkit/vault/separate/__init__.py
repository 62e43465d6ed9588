"""A vault that belongs to a user of its own (level L1)."""

"""Secrets are used, never seen, and no use goes unrecorded."""

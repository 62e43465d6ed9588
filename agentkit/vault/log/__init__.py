"""The log of every access: written, read, proved, and signed for others to keep."""

"""How a program gets its secrets, and nobody else does."""

"""agentkit: small commands that keep a machine which runs itself alive and honest."""

__version__ = "0.1.0"

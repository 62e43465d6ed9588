"""The room in which a proposer works: its copy, read-only system folders, and nobody else's processes."""

"""Where in a repository does the ratchet keep what is no git object?"""

from agentkit.core.repo.repository import Repository


def own_folder(repository: Repository) -> str:
    """Return that folder, which need not be there yet."""
    return f"{repository.common_dir}/agentkit/ratchet"

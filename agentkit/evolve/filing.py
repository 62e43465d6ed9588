"""How does a change become a commit that is never lost, with nothing of the person's touched?

A commit under `refs/agentkit/candidates/ID`: no index, work tree, stash or branch knows of it.
"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.commits import make_commit
from agentkit.core.repo.repository import Repository, tell_failure
from agentkit.evolve.candidate import Candidate

LONGEST_SUBJECT = 72
LONGEST_FACT = 500


def commit_change(repository: Repository, candidate: Candidate, tree: str) -> str:
    """Return the commit of a tree, which is another one than that of its base, on the candidate's base."""
    return make_commit(repository, tree, candidate.base, _write_message(candidate))


def hold_commit(repository: Repository, candidate: Candidate, commit: str) -> None:
    """Let the candidate's ref hold the commit; raises AgentkitError (tampered) where it holds another one."""
    ended = repository.ask("update-ref", "--no-deref", candidate.ref, commit, repository.no_object)
    if ended.status == 0:
        return
    held = find_held(repository, candidate)
    if not held:
        raise tell_failure("update-ref", ended)
    if held != commit:
        raise AgentkitError(f"{candidate.ref} holds {held[:12]}, not {commit[:12]}", status=Exit.TAMPERED)


def hold_instead(repository: Repository, candidate: Candidate, commit: str) -> None:
    """Let the candidate's ref hold this commit from now on, whatever it held."""
    held = find_held(repository, candidate) or repository.no_object
    repository.git("update-ref", "--no-deref", candidate.ref, commit, held)


def find_held(repository: Repository, candidate: Candidate) -> str:
    """Return the commit that the candidate's ref holds, "" where there is no such ref."""
    return repository.ask("rev-parse", "--verify", "--quiet", candidate.ref).stdout.decode().strip()


def _write_message(candidate: Candidate) -> str:
    rows = [row.strip() for row in candidate.subject.splitlines() if row.strip()]
    # One line each: a name must not add a fact of its own.
    proposer = " ".join(candidate.proposer.split())
    subject = rows[0] if rows else f"Change what {proposer} proposes"
    facts = [f"Candidate: {candidate.id}", f"Proposer: {_shorten(proposer, LONGEST_FACT)}"]
    if candidate.decision:
        facts.append(f"Decision: {_shorten(' '.join(candidate.decision.split()), LONGEST_FACT)}")
    return f"{_shorten(subject, LONGEST_SUBJECT)}\n\n" + "\n".join(facts)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"

"""Where does every verdict stay, the rejected ones too, with the evidence that it rests on?

On `refs/agentkit/verdicts`, a chain of commits. A tree holds `verdict.json` and the files of evidence; the parents are
the verdict before it and the candidate, which so stays there for as long as its verdict does.
"""

import json
import time
from collections.abc import Mapping

from agentkit.core.repo.objects import Objects
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.intent import Move, make_intent, write_intent
from agentkit.ratchet.ratchetlock import hold_ratchet
from agentkit.ratchet.refmoves import read_refs
from agentkit.ratchet.repair import carry_out, repair_held

VERDICT_REF = "refs/agentkit/verdicts"
LONGEST_SUBJECT = 200


def append_verdict(
    repository: Repository,
    record: Mapping[str, object],
    files: Mapping[str, bytes],
    candidate: str,
    *,
    at_s: int = 0,
) -> str:
    """Append a verdict and return where it is, `refs/agentkit/verdicts@COMMIT`; raises AgentkitError.

    `files` are its evidence by name, such as `outcomes` and `output`; `at_s` is when (now).
    """
    objects = Objects(repository)
    written = json.dumps(record, indent=1, sort_keys=True).encode() + b"\n"
    tree = objects.tree({"verdict.json": written, **files})
    reason = " ".join(str(record.get("reason", "")).encode("utf-8", "replace").decode().split())
    message = f"{record.get('answer', 'verdict')}: {candidate[:12]} {reason}"[:LONGEST_SUBJECT].rstrip()
    with hold_ratchet(repository):
        repair_held(repository)
        last = read_refs(repository, [VERDICT_REF])[VERDICT_REF]
        parents = [candidate] if last == repository.no_object else [last, candidate]
        commit = objects.commit(tree, parents, message, at_s or int(time.time()))
        objects.write()
        intent = make_intent("verdict", [Move(VERDICT_REF, last, commit)])
        write_intent(repository, intent)
        carry_out(repository, intent)
    return f"{VERDICT_REF}@{commit}"

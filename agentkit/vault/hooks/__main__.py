"""Which of the hooks that ship is to run? Started by its path, as `python -I __main__.py HOOK STEP`."""

import os
import sys


def main() -> int:
    """Run the hook that the first word names."""
    # -I leaves out PYTHONPATH, and where agentkit is run from its source that is all that leads here. Last, so that
    # nothing beside agentkit comes before a module of Python.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))))
    from agentkit.vault.hardening import harden_process
    from agentkit.vault.hooks import command, generated, postgres, speaking

    hooks: dict[str, speaking.Steps] = {"command": command.STEPS, "postgres": postgres.STEPS, "token": generated.STEPS}
    harden_process()
    return speaking.answer(hooks[sys.argv[1]], sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())

"""Which of the hooks that ship is to run? Started by its path, as `python -I __main__.py HOOK STEP`."""

import os
import sys


def main() -> int:
    """Run the hook that the first word names."""
    # -I leaves out PYTHONPATH, and another agentkit may be installed than the one that started this. Only while
    # agentkit is found: what lies beside it never comes before a module of Python.
    sys.path.insert(0, os.path.realpath(__file__).rpartition("/agentkit/vault/")[0])
    import agentkit  # noqa: F401

    del sys.path[0]
    from agentkit.vault.hardening import harden_process
    from agentkit.vault.rotations.hooks import command, generated, postgres, speaking

    hooks: dict[str, speaking.Steps] = {"command": command.STEPS, "postgres": postgres.STEPS, "token": generated.STEPS}
    harden_process()
    return speaking.answer(hooks[sys.argv[1]], sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())

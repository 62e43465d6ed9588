"""What the tests of the tables of think share: the smallest tables that are understood, and how they are read."""

from pathlib import Path

import pytest

from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import ThinkSettings

SERVER = '[[think.provider]]\nname = "a"\nkind = "openai"\nmodel = "m"\n'
LOCAL = f'{SERVER}url = "http://127.0.0.1:8080/v1"\n'
PROGRAM = '[[think.provider]]\nname = "a"\nkind = "command"\n'
RUNBOOK = '[[think.runbook]]\nname = "a"\nrun = ["true"]\n'
MATCHED = f'{RUNBOOK}match = {{ source = "*" }}\n'


def read(file: Path, text: str) -> ThinkSettings:
    file.write_text(text)
    warnings: list[str] = []
    found = load_configuration({"AGENTKIT_CONFIG": str(file)}, own=("think",), warn=warnings.append).think
    assert warnings == []
    return found


def fault(file: Path, text: str) -> AgentkitError:
    with pytest.raises(AgentkitError) as caught:
        read(file, text)
    assert caught.value.status == Exit.CONFIGURATION
    assert caught.value.message.startswith(f"{file}: ")
    return caught.value


def told(file: Path, text: str) -> str:
    return fault(file, text).message.removeprefix(f"{file}: ")

"""What do programs start that carry a command to another place: a machine, a container, a namespace, a terminal?"""

from __future__ import annotations

import os

from agentkit.core.launchers import Launcher, skip_options
from agentkit.depmap.inner import Inner, Words, start_from

SSH = Launcher("bcDEeFIiJLlmOopQRSWwB")
CONTAINER = Launcher(
    "euwvplhm",
    (
        *("env", "user", "workdir", "volume", "publish", "label", "hostname", "memory", "name", "network", "mount"),
        *("entrypoint", "env-file", "cpus", "restart", "add-host", "cap-add", "device", "log-driver", "log-opt"),
    ),
)


def read_ssh(words: Words) -> list[Inner]:
    """Read `ssh HOST TEXT…`: a shell there joins the words."""
    at = skip_options(words, 1, SSH.letters, SSH.names) + 1
    at = skip_options(words, at, SSH.letters, SSH.names)
    if at >= len(words):
        return []
    return [Inner(words[:at], text=" ".join(words[at:]), arguments=("sh",), is_remote=True)]


def read_ip(words: Words) -> list[Inner]:
    """Read `ip netns exec NAME PROGRAM…`."""
    for at in range(1, len(words) - 3):
        if words[at] in ("netns", "vrf") and words[at + 1] == "exec":
            return [Inner(words[: at + 3], words[at + 3 :])]
    return []


def read_container(words: Words) -> list[Inner]:
    """Read `docker exec NAME PROGRAM…` and `docker run IMAGE PROGRAM…`."""
    at = skip_options(words, 1, CONTAINER.letters, CONTAINER.names)
    if words[at : at + 1] in (("compose",), ("container",)):
        at += 1
    if words[at : at + 1] not in (("exec",), ("run",)):
        return []
    at = skip_options(words, at + 1, CONTAINER.letters, CONTAINER.names) + 1
    return start_from(words, at, is_remote=True)


def read_after_dashes(words: Words) -> list[Inner]:
    """Read `kubectl exec POD -- PROGRAM…`."""
    if "exec" not in words or "--" not in words:
        return []
    at = words.index("--") + 1
    return start_from(words, at, is_remote=True)


def read_bwrap(words: Words) -> list[Inner]:
    """Read `bwrap OPTIONS -- PROGRAM…`."""
    at = words.index("--") + 1 if "--" in words else len(words)
    return start_from(words, at)


def read_terminal(words: Words) -> list[Inner]:
    """Read `screen -dmS NAME CMD…` and `tmux new-session -d -s NAME 'text'`."""
    if os.path.basename(words[0]) == "screen":
        at = skip_options(words, 1, "ceShtpTX", ())
        return start_from(words, at)
    for at, word in enumerate(words):
        if word in ("new", "new-session", "neww", "new-window", "split-window", "respawn-pane"):
            begin = skip_options(words, at + 1, "cenFstxyl", ())
            text = " ".join(words[begin:])
            return [Inner(words[:begin], text=text, arguments=("sh",))] if begin < len(words) else []
    return []

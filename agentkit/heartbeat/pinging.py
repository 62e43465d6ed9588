"""Ask one address over HTTP(S) and end with 0 when it answers with success; run as a child with a time limit.

`python -m agentkit.heartbeat.pinging URL`: a resolver or a server that answers drop by drop can outwait every time-out
of a socket, so the whole of it happens in a process that can be ended.
"""

import sys
import urllib.error
import urllib.request

SOCKET_LIMIT_S = 30.0
MOST_BYTES = 65536


def main(words: list[str]) -> int:
    """Ask the address; return 0 for an answer of success, else 69 with one line on stderr."""
    request = urllib.request.Request(words[0], headers={"User-Agent": "agentkit"})  # noqa: S310  # http(s) only, see below
    if request.type not in ("http", "https"):
        sys.stderr.write(f"{request.type} is neither http nor https\n")
        return 69
    try:
        with urllib.request.urlopen(request, timeout=SOCKET_LIMIT_S) as answer:  # noqa: S310
            answer.read(MOST_BYTES)
    except (urllib.error.URLError, OSError, ValueError) as error:
        sys.stderr.write(f"{getattr(error, 'reason', error)}\n")
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

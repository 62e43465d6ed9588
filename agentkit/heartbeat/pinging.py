"""Does one address answer with success when it is asked over HTTP(S)? Run as a child that has a time limit.

`python -m agentkit.heartbeat.pinging` reads the address from stdin, where nobody else sees it: a resolver or a server
that answers drop by drop can outwait every time-out of a socket, so all of it happens in a process that can be ended.
"""

import sys
from urllib.parse import urlsplit

SOCKET_LIMIT_S = 30.0
LONGEST_ADDRESS = 8192


def find_fault(address: str) -> str | None:
    """Return what keeps this from being an http(s) address, or None; never more of it than its scheme."""
    if not address:
        return "the address is empty"
    if not address.isascii() or not address.isprintable() or " " in address:
        return "the address has a blank or another letter that must be written as %XX"
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "the host or port of the address is none"
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:// is neither http:// nor https://" if "://" in address else "it has no http(s)://"
    return None if has_host else "the address names no host"


def name_service(address: str) -> str:
    """Return scheme, host and port of an address: all of it that may be shown."""
    if find_fault(address) is not None:
        return "the address"
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def ask(address: str) -> str | None:
    """Ask the address; return what went wrong, or None after an answer of success (2xx)."""
    import http.client
    import urllib.error
    import urllib.request

    class StayAtHome(urllib.request.HTTPRedirectHandler):
        """Follow a redirect only to the same host: the page of a strange one says nothing of our service."""

        def redirect_request(self, *given: object) -> urllib.request.Request | None:
            """Return the next request, or raise URLError."""
            new = str(given[-1])
            there, here = urlsplit(new), urlsplit(address)
            if there.hostname != here.hostname:
                raise urllib.error.URLError(f"it sends us on to another host, {there.hostname}: name that one instead")
            if here.scheme == "https" and there.scheme != "https":
                raise urllib.error.URLError("it sends us on from https to http")
            return super().redirect_request(*given)  # type: ignore[arg-type]  # handed on as it came

    try:
        request = urllib.request.Request(address, headers={"User-Agent": "agentkit"})  # noqa: S310  # see find_fault
        with urllib.request.build_opener(StayAtHome).open(request, timeout=SOCKET_LIMIT_S):
            # The status is the answer; what follows it may never end.
            return None
    except urllib.error.HTTPError as error:
        error.close()
        # The server's own words might repeat the address.
        return f"it answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
    except urllib.error.URLError as error:
        return str(error.reason)
    except (ValueError, http.client.InvalidURL):
        # These, too, would repeat it.
        return "the address, or the one it sends us on to, cannot be asked"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def main() -> int:
    """Ask the address on stdin; return 0 for an answer of success, else 69 with one line on stderr."""
    address = sys.stdin.read(LONGEST_ADDRESS + 1)
    trouble = find_fault(address) if len(address) <= LONGEST_ADDRESS else "the address is too long"
    trouble = trouble or ask(address)
    if trouble is None:
        return 0
    sys.stderr.write(f"{trouble}\n")
    return 69


if __name__ == "__main__":
    sys.exit(main())

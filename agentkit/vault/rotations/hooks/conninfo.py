"""How is a server of PostgreSQL named, and how is a role with its password written as one value?

The connection strings of libpq (PostgreSQL manual, 34.1.1): `keyword=value` pairs going in, URIs as the value.
"""

import shlex
from urllib.parse import quote, unquote, urlsplit

from agentkit.vault.rotations.hooks.speaking import HookError

FORBIDDEN = ("user", "password", "passfile", "service", "servicefile", "requirepassword")


def read_server(text: str) -> dict[str, str]:
    """Return {keyword: value} of a server without role and password; raises HookError."""
    server = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise HookError(f"setting server: {error}") from None
    for word in words:
        keyword, is_pair, value = word.partition("=")
        if not is_pair or not keyword or keyword in FORBIDDEN or "\0" in value:
            raise HookError(f"setting server: {keyword!r} may not stand there; expected host=… port=… dbname=…")
        server[keyword] = value
    if "host" not in server and "hostaddr" not in server:
        raise HookError("setting server: host is missing; expected host=… port=… dbname=…")
    return server


def write_conninfo(server: dict[str, str], role: str) -> str:
    """Return what psql's -d gets."""
    return " ".join(f"{keyword}={_quote(value)}" for keyword, value in {**server, "user": role}.items())


def write_url(server: dict[str, str], role: str, password: str) -> str:
    """Return `postgresql://ROLE:PASSWORD@HOST:PORT/DBNAME?…`; what has no place in front goes behind the `?`."""
    rest = dict(server)
    host = rest.get("host", "")
    authority = ""
    # A folder (a unix socket) and several hosts have no place before the path.
    if host and "/" not in host and "," not in host and "," not in rest.get("port", ""):
        authority = f"[{host}]" if ":" in host else quote(host, safe="")
        del rest["host"]
        if port := rest.pop("port", ""):
            authority += f":{port}"
    name = quote(rest.pop("dbname", ""), safe="")
    query = "&".join(f"{keyword}={quote(value, safe='/')}" for keyword, value in rest.items())
    return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@{authority}/{name}" + (
        f"?{query}" if query else ""
    )


def read_url(text: str) -> tuple[str, str]:
    """Return (role, password) of a URI; raises HookError, which never quotes it."""
    try:
        parts = urlsplit(text.strip())
        role, password = parts.username, parts.password
    except ValueError:
        role, password, parts = None, None, None
    if parts is None or parts.scheme not in ("postgresql", "postgres") or not role or password is None:
        raise HookError("the value is no postgresql://ROLE:PASSWORD@…")
    return unquote(role), unquote(password)


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

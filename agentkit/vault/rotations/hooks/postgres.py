"""How is the password of a PostgreSQL role rotated?

The hook `postgres`. PostgreSQL keeps one password a role. With two roles they take turns, and the old one works until
everybody has moved; with one, the old password ends when the new one is set. Settings:

    server          host=… port=… dbname=… sslmode=… as libpq takes them, without user and password
    roles           ROLE_A,ROLE_B: they take turns
    role            ROLE: the only one
    admin           the role that sets passwords; needed with two, with one it sets its own
    admin_password  secret:NAME; without it the server has to know the admin (peer, certificate)
    form            url or password: what the secret holds; url with two roles, else password
    end_sessions    yes: what is logged in as the old role is ended when it is revoked
    length, alphabet, prefix as of `token`
"""

import os
import string
from dataclasses import dataclass

from agentkit.vault.rotations.hooks import generated
from agentkit.vault.rotations.hooks.conninfo import read_server, read_url, write_url
from agentkit.vault.rotations.hooks.psql import is_alive, log_in
from agentkit.vault.rotations.hooks.scram import SALT_BYTES, make_verifier
from agentkit.vault.rotations.hooks.speaking import Answer, HookError, Request, encode_value

SETTINGS = ("server", "roles", "role", "admin", "admin_password", "form", "end_sessions", *generated.SETTINGS)
LONGEST_LOGIN_S = 8.0


@dataclass(frozen=True)
class _Plan:
    server: dict[str, str]
    roles: tuple[str, ...]
    admin: str | None
    holds_url: bool

    def read(self, value: str) -> tuple[str, str]:
        """Return (role, password) of what the secret holds."""
        if not self.holds_url:
            return self.roles[0], value.rstrip("\r\n")
        role, password = read_url(value)
        if role not in self.roles:
            raise HookError(f"the value is for role {role}; the settings name {', '.join(self.roles)}")
        return role, password

    def write(self, role: str, password: str) -> str:
        return write_url(self.server, role, password) if self.holds_url else password


def _create(request: Request) -> Answer:
    request.demand_known(*SETTINGS)
    plan = _read_settings(request)
    role = _choose_next_role(plan, request)
    password = generated.make_token(request)
    if not set(password) <= set(string.printable[:94]):
        raise HookError("a password of ASCII without blanks is expected; look at alphabet and prefix")
    return {"value": encode_value(plan.write(role, password).encode()), "key": role}


def _set(request: Request) -> Answer:
    plan = _read_settings(request)
    role, password = plan.read(request.text("pending"))
    old_role, old_password = plan.read(request.text("current"))
    is_only_role = len(plan.roles) == 1
    if not is_only_role and role == old_role:
        raise HookError(f"{role} is the role in use; setting its password would end the current value")
    # Whoever sets his own password cannot come back with the old one, so after a kill it is asked first.
    if plan.admin is not None or not is_alive(plan.server, role, password, LONGEST_LOGIN_S):
        _alter(request, plan, (old_role, old_password), f"ALTER ROLE {_quote(role)} PASSWORD '{_verify(password)}';\n")
    return {"old_is_dead": True} if is_only_role else {}


def _test(request: Request) -> Answer:
    plan = _read_settings(request)
    return {"alive": is_alive(plan.server, *plan.read(request.text("pending")), LONGEST_LOGIN_S)}


def _revoke(request: Request) -> Answer:
    plan = _read_settings(request)
    role, _ = plan.read(request.text("previous"))
    current_role, current_password = plan.read(request.text("current"))
    if role != current_role:
        sql = f"ALTER ROLE {_quote(role)} PASSWORD NULL;\n"
        if request.settings.get("end_sessions") == "yes":
            name = role.replace("'", "''")
            sql += f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{name}';\n"  # noqa: S608
        _alter(request, plan, (current_role, current_password), sql)
    return {}  # of one role the old password ended when the new one was set


def _prove(request: Request) -> Answer:
    plan = _read_settings(request)
    if not is_alive(plan.server, *plan.read(request.text("current")), LONGEST_LOGIN_S):
        raise HookError("the password in use does not work either, so nothing is proved")
    return {"dead": not is_alive(plan.server, *plan.read(request.text("previous")), LONGEST_LOGIN_S)}


STEPS = {"create": _create, "set": _set, "test": _test, "revoke": _revoke, "prove": _prove}


def _read_settings(request: Request) -> _Plan:
    settings = request.settings
    server = read_server(settings.get("server", ""))
    roles = tuple(role.strip() for role in settings.get("roles", settings.get("role", "")).split(","))
    if not all(roles) or len(set(roles)) != len(roles) or len(roles) != (2 if "roles" in settings else 1):
        raise HookError("expected the setting role=ROLE, or roles=ROLE_A,ROLE_B")
    if len(roles) == 2 and "admin" not in settings:
        raise HookError("setting admin is missing: one of two roles cannot set the password of the other")
    form = settings.get("form", "url" if len(roles) == 2 else "password")
    if form not in ("url", "password") or (form == "password" and len(roles) == 2):
        raise HookError(f"form is {form}; expected url, or password with one role")
    return _Plan(server, roles, settings.get("admin"), form == "url")


def _choose_next_role(plan: _Plan, request: Request) -> str:
    current, _ = plan.read(request.text("current"))
    return next((role for role in plan.roles if role != current), current)


def _alter(request: Request, plan: _Plan, own: tuple[str, str], sql: str) -> None:
    role, password = own if plan.admin is None else (plan.admin, None)
    if plan.admin is not None and "admin_password" in request.values:
        password = request.text("admin_password").rstrip("\n")
    login = log_in(plan.server, role, password, LONGEST_LOGIN_S, sql)
    if not login.worked:
        raise HookError(f"logging in as {role}: {login.said}")


def _verify(password: str) -> str:
    return make_verifier(password, os.urandom(SALT_BYTES))


def _quote(role: str) -> str:
    doubled = role.replace('"', '""')
    return f'"{doubled}"'

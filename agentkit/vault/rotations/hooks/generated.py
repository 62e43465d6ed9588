"""How is a new password or token made, and what is there to do for one that no provider keeps?

The hook `token`: for what both ends read from the vault. Settings: `length` (32), `alphabet` (one of `ALPHABETS`, or
the characters themselves), `prefix`.
"""

import math
import secrets
import string

from agentkit.vault.rotations.hooks.speaking import Answer, HookError, Request, encode_value

ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "base64url": string.ascii_letters + string.digits + "-_",
    # Without the quotes, the backslash and the dollar, at which a shell or a configuration file would stumble.
    "printable": string.ascii_letters + string.digits + "!#%&()*+,-./:;<=>?@[]^_{|}~",
}
SETTINGS = ("length", "alphabet", "prefix")
LONGEST = 4096
# What can be tried offline has to be out of reach: 80 bits is what NIST SP 800-131A left behind, and a floor.
LEAST_BITS = 80


def make_token(request: Request) -> str:
    """Return a new random value as the settings want it; raises HookError where it could be guessed."""
    named = request.settings.get("alphabet", "alnum")
    alphabet = ALPHABETS.get(named, named)
    length = request.settings.get("length", "32")
    if not length.isdecimal() or not 0 < int(length) <= LONGEST:
        raise HookError(f"length is {length}; expected a number from 1 to {LONGEST}")
    if len(set(alphabet)) != len(alphabet) or not alphabet.isprintable() or not alphabet.isascii():
        raise HookError("alphabet has to be printable ASCII characters, none of them twice")
    bits = int(length) * math.log2(len(alphabet))
    if bits < LEAST_BITS:
        raise HookError(f"{length} of {len(alphabet)} characters are {bits:.0f} bits; expected {LEAST_BITS} or more")
    return request.settings.get("prefix", "") + "".join(secrets.choice(alphabet) for _ in range(int(length)))


def _create(request: Request) -> Answer:
    request.demand_known(*SETTINGS)
    return {"value": encode_value(make_token(request).encode())}


def _set(_: Request) -> Answer:
    return {}  # nobody but the vault keeps it


def _test(request: Request) -> Answer:
    return {"alive": bool(request.value("pending"))}


def _revoke(_: Request) -> Answer:
    return {}  # it ended when the last consumer read the new one


def _prove(request: Request) -> Answer:
    return {"dead": request.value("previous") != request.value("current")}


STEPS = {"create": _create, "set": _set, "test": _test, "revoke": _revoke, "prove": _prove}

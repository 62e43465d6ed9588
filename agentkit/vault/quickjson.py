"""How does a hot verb read and write JSON, when importing `json` costs twice what Python itself does?

The scanner and the encoder are those that `json` itself uses; they are C and need nothing of it. What comes out is
what `json` would give.
"""

from _json import encode_basestring_ascii, make_scanner

from agentkit.core.errors import AgentkitError, Exit

encode_text = encode_basestring_ascii


class _Context:
    """What the scanner wants to know, with the values that `json.loads` gives it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: "dict[str, str]" = {}  # noqa: RUF012  # the scanner's own cache, emptied by it after each text


_scan = make_scanner(_Context())  # type: ignore[arg-type]  # anything with these attributes will do


def read_object(text: str, what: str) -> "dict[str, object]":
    """Return the JSON object that a text is; raises AgentkitError (tampered) naming `what` where it is none."""
    try:
        value, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        value, end = None, 0
    if not isinstance(value, dict) or text[end:].strip():
        raise AgentkitError(f"{what} is no JSON object", status=Exit.TAMPERED)
    return value


def encode_value(value: object) -> str:
    """Return a text, a number, None, or a list or an object of them, as JSON in ASCII."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # What is no UTF-8 on a command line comes as lone surrogates; escaped they are valid JSON.
        return encode_text(value)
    if isinstance(value, list):
        return "[" + ", ".join([encode_value(one) for one in value]) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join([f"{encode_text(str(key))}: {encode_value(one)}" for key, one in value.items()]) + "}"
    return repr(value)

"""What of a command's text may be a secret, and is told by its name alone?

The map, findings, the mails made of them and what a model is asked go where a script does not. A secret is known by
the name it stands behind, or by the option; one with neither cannot be told from any other word.
"""

import re

HIDDEN = "***"
_NAME = r"(?:pass(?:wo?r?d|phrase)?|pwd?|secret|token|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|auth)"
# What stands in a variable is not in the text, so its name may stay.
_VALUE = r"""(?![$`*])[^\s"'&|;<>()$`]+"""
# To the end of what stands in quotes, which in Python may have letters before them.
_OPENING = r"""[bfru]{0,2}("{3}|'{3}|["'])"""
_QUOTED = r"""(?![$`*])(?:\\.|(?!\2)[^\\])+"""
# How far behind the name of a program its options may stand.
_WORDS = r"\s(?:[^|;&]{0,300}?\s)?"
_SCHEME = r"(?:(?:bearer|basic|token|digest)\s+)?+"
_RULES = tuple(
    re.compile(rule, re.IGNORECASE)
    for rule in (
        # scheme://user:secret@host
        r"""(://[^\s/:@"']*:)(?![$`*])[^\s/@"'$`]+(?=@)""",
        # NAME="a secret" to the other quote, as Python has it too
        rf"""((?<![a-z0-9_.-])[a-z0-9_.-]*{_NAME}[0-9]*\s*+=\s*+{_OPENING}){_QUOTED}""",
        # NAME=secret, --name=secret, ?name=secret
        rf"""((?<![a-z0-9_.-])[a-z0-9_.-]*{_NAME}[0-9]*=["']?)(?![bfru]{{1,2}}["']){_VALUE}""",
        # the same in JSON, with quotes and a colon, and the headers of HTTP in Python
        rf"""(["'][a-z0-9_.-]*(?:authorization|cookie|-key|{_NAME})[0-9]*["']\s*+:\s*+{_OPENING}){_QUOTED}""",
        # auth=("me", "secret"), auth=HTTPDigestAuth("me", "secret")
        rf"""(\bauth=[\w.*]*\([^,()]*,\s*{_OPENING}){_QUOTED}""",
        # --name secret
        rf"""((?<=\s)--?(?:[a-z0-9-]*-)?{_NAME}\s+["']?)(?!-){_VALUE}""",
        # Authorization: Bearer secret; X-Api-Key: secret; Cookie: name=secret
        rf"""((?<![a-z0-9-])[a-z0-9-]*(?:authorization|cookie|{_NAME}|-key):\s*+{_SCHEME})(?![$`*])[^"'\n$`]+""",
        # curl -u user:secret, smbclient -U user%secret
        rf"""((?<=\s)(?:-u|--user|--proxy-user)[ =]?["']?[^\s"':%/]+[:%])(?!//){_VALUE}""",
        # mysql -psecret, sshpass -p secret, redis-cli -a secret
        rf"""(\b(?:mysql|mariadb)[a-z-]*{_WORDS}-(?-i:p)["']?){_VALUE}""",
        rf"""(\b(?:sshpass|docker\s+login){_WORDS}-(?-i:p)\s*["']?){_VALUE}""",
        rf"""(\bredis-cli{_WORDS}-(?-i:a)\s*["']?){_VALUE}""",
    )
)


def hide_secrets(text: str) -> str:
    """Return the text of a command with `***` for each value that looks like a secret."""
    for rule in _RULES:
        text = rule.sub(lambda found: found[1] + HIDDEN, text)
    return text

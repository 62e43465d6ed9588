"""What does a node of shell text say once its quotes are taken off?"""

from __future__ import annotations

from tree_sitter import Node


def read_text(node: Node) -> str:
    """Return a node's text as it is written."""
    return (node.text or b"").decode(errors="surrogateescape")


def unquote(node: Node) -> str:
    """Return a word without its quotes; what only a running shell can know stays as it is written."""
    kind = node.type
    if kind == "raw_string":
        return read_text(node)[1:-1]
    if kind == "string":
        return _unquote_double(node)
    if kind in ("concatenation", "command_name"):
        return "".join(unquote(child) for child in node.children)
    if kind == "word":
        return unescape(read_text(node), "")
    return read_text(node)


def _unquote_double(node: Node) -> str:
    # Of expansions inside the grammar makes nodes; all else is text, blanks at the edges included.
    pieces: list[str] = []
    raw, offset = node.text or b"", node.start_byte
    at = 1
    for child in node.children:
        if child.is_named and child.type != "string_content":
            pieces.append(unescape(raw[at : child.start_byte - offset].decode(errors="surrogateescape"), '$`"\\'))
            pieces.append(read_text(child))
            at = child.end_byte - offset
    end = len(raw) - 1 if len(raw) > 1 and raw.endswith(b'"') else len(raw)
    pieces.append(unescape(raw[at:end].decode(errors="surrogateescape"), '$`"\\'))
    return "".join(pieces)


def unescape(text: str, only: str) -> str:
    """Return the text without the backslashes that quote a letter; in double quotes `only` these are quoted."""
    if "\\" not in text:
        return text
    pieces: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter != "\\":
            pieces.append(letter)
            continue
        following = next(letters, "")
        if following == "\n":
            continue
        pieces.append(following if not only or following in only else letter + following)
    return "".join(pieces)

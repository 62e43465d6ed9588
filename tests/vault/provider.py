"""A provider of keys in one SQLite file, and the hook that speaks to it: it remembers all that ever happened to it.

Settings: `database`, and `style`, what a provider can do:
  named      a key has a name, and a repeated create finds it again with its value
  once       a key has a name, and its value is told once: a repeated create replaces the key
  anonymous  a key has no name: a repeated create makes another one
  single     there is one value, which is overwritten
Faults come from its table `faults` (step, how, left): `before` fails without doing anything, `after` does the work and
dies without an answer, `hang` does the work and never answers, `garbage` does it and answers nonsense, `leak` tells the
values on stderr and fails, `no` says no to a question.
"""

import base64
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, name TEXT, value TEXT, live INTEGER);
CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY, what TEXT, key TEXT, live_after INTEGER);
CREATE TABLE IF NOT EXISTS faults (step TEXT, how TEXT, left INTEGER);
"""


def open_provider(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    database.executescript(SCHEMA)
    return database


def note(database: sqlite3.Connection, what: str, key: object) -> None:
    (live,) = database.execute("SELECT count(*) FROM keys WHERE live").fetchone()
    database.execute("INSERT INTO events (what, key, live_after) VALUES (?, ?, ?)", (what, key, live))


def add_key(database: sqlite3.Connection, name: object, value: str) -> str:
    (count,) = database.execute("SELECT count(*) FROM keys").fetchone()
    key = f"key-{count}"
    database.execute("INSERT INTO keys VALUES (?, ?, ?, 1)", (key, name, value))
    note(database, "create", key)
    return key


def find(database: sqlite3.Connection, value: str) -> object:
    row = database.execute("SELECT id FROM keys WHERE live AND value = ?", (value,)).fetchone()
    return row and row[0]


def create(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    style, name = told["settings"]["style"], told["key_name"]
    old_key = find(database, values["current"])
    made = f"made-{secrets.token_hex(16)}"
    if style == "single":
        return {"value": made}
    if style in ("named", "once"):
        row = database.execute("SELECT id, value FROM keys WHERE live AND name = ?", (name,)).fetchone()
        if row and style == "named":
            return {"key": row[0], "value": row[1], "old_key": old_key}
        if row:
            database.execute("UPDATE keys SET live = 0 WHERE id = ?", (row[0],))
            note(database, "replace", row[0])
    return {"key": add_key(database, name if style != "anonymous" else None, made), "value": made, "old_key": old_key}


def set_(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    if told["settings"]["style"] != "single":
        return {}
    database.execute("UPDATE keys SET value = ? WHERE live", (values["pending"],))
    note(database, "set", None)
    return {"old_is_dead": True}


def test(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    key = find(database, values["pending"])
    if key:
        note(database, "test", key)
    return {"alive": key is not None}


def revoke(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    key = find(database, values["previous"])
    if key:
        database.execute("UPDATE keys SET live = 0 WHERE id = ?", (key,))
        note(database, "revoke", key)
    return {}


def prove(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    return {"dead": find(database, values["previous"]) is None}


def list_(database: sqlite3.Connection, told: dict, values: dict) -> dict:
    return {"live": [row[0] for row in database.execute("SELECT id FROM keys WHERE live")]}


STEPS = {"create": create, "set": set_, "test": test, "revoke": revoke, "prove": prove, "list": list_}


def take_fault(database: sqlite3.Connection, step: str) -> str:
    row = database.execute("SELECT how FROM faults WHERE step = ? AND left > 0", (step,)).fetchone()
    if row:
        database.execute("UPDATE faults SET left = left - 1 WHERE step = ?", (step,))
    return row[0] if row else ""


def tell(answer: object, status: int) -> int:
    sys.stdout.write(answer if isinstance(answer, str) else json.dumps(answer))
    return status


def main() -> int:
    told, step = json.load(sys.stdin), sys.argv[1]
    values = {name: base64.b64decode(value).decode() for name, value in told["values"].items()}
    database = open_provider(told["settings"]["database"])
    how = take_fault(database, step)
    if how == "before":
        return tell({"error": "the provider is down"}, 3)
    if how == "leak":
        sys.stderr.write(" ".join([*values.values(), *told["values"].values()]))
        return 1
    database.execute("BEGIN IMMEDIATE")
    answer = STEPS[step](database, told, values)
    database.execute("COMMIT")
    if how == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        subprocess.Popen(["sleep", "600"])
        time.sleep(600)
    if how == "garbage":
        return tell("all went well", 0)
    if how == "no":
        answer = {"alive": False, "dead": False}
    if "value" in answer:
        answer["value"] = base64.b64encode(answer["value"].encode()).decode()
    return tell(answer, 0)


if __name__ == "__main__":
    sys.exit(main())

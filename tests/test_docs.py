"""Is every word of the pages true: commands and their output, options, keys, statuses, records, links?"""

import importlib
import itertools
import json
import os
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import typer
from typer._click import Command
from typer.core import TyperGroup

from agentkit.cli import DOORS, build_root
from agentkit.core.config import load_configuration
from agentkit.core.cronline import FIXES
from agentkit.core.crontext import parse_crontab
from agentkit.core.errors import EXIT_TABLE
from agentkit.core.fingerprints import fingerprint
from agentkit.core.ledger.schema import TABLES as LEDGER_TABLES
from agentkit.core.lines import SEVERITIES
from agentkit.core.schemas import list_kinds, read_schema
from agentkit.core.settings import TABLES, TOP, describe_settings
from agentkit.depmap.probing.findings import ORDER
from agentkit.heartbeat.sighting import OF_RUNS
from tests.depmap.machines import STORY
from tests.documents import (
    PAGES,
    ROOT,
    Block,
    Step,
    find_links,
    find_named_commands,
    fits,
    mask,
    play,
    read_blocks,
    read_steps,
)

BLOCKS = [block for page in PAGES for block in read_blocks(page)]
PLAYED = ("console", "sh")
# What was there before the commands of a page, by the name that its comment says.
GOOD_NIGHTS = """
mkdir data && head -c 4M /dev/urandom | split -b 100k - data/
printf '%s\\n' '#!/bin/sh' '[ -e backup.lock ] && exit 0' 'touch backup.lock' 'tar -czf backup.tar.gz data' \\
    'echo "saved $(tar -tzf backup.tar.gz | wc -l) files"' 'rm backup.lock' > backup.sh
chmod +x backup.sh
for night in $(seq 25); do agentkit heartbeat run backup --every 1d -- ./backup.sh; done
"""
EXPORT = "agentkit heartbeat run export --every 1h --expect-count 'rows>=1' -- sh -c"
# A machine's disk, with six lines as people write them.
DISK = r"""
mkdir -p disk/etc/cron.d disk/etc/cron.hourly && echo root:x:0:0::/root:/bin/sh > disk/etc/passwd
cat > disk/etc/crontab <<'END'
17 * * * *   root  cd / && run-parts --report /etc/cron.hourly
30 2 * * *   root  pg_dump shop | gzip > /backup/shop.gz
0 4 * * *    root  /usr/local/bin/sync-mail >/dev/null 2>&1 || true
0 5 * * *    root  tar czf /backup/$(date +%F).tgz /home
*/10 * * * * root  /usr/local/bin/agentkit heartbeat run poll -- /opt/agent/poll
END
printf '0 6 * * * root /usr/local/bin/report\n' > disk/etc/cron.d/report.sh
"""
# Two jobs whose scripts ask fail2ban for its status, said in the configuration.
DECLARED = r"""
mkdir -p home && declare_edge() {
    printf '[[depmap.declare]]\nfrom = "%s"\nto = "%s"\nedge = "%s"\n' "$1" "$2" "$3" >> home/agentkit.toml
}
for script in report alarm; do
    declare_edge "func:/usr/local/bin/$script.sh#ask" cmd:fail2ban-client exec
    declare_edge "file:/usr/local/bin/$script.sh" "func:/usr/local/bin/$script.sh#ask" call
    declare_edge "job:$script" "file:/usr/local/bin/$script.sh" exec
done
declare_edge cmd:fail2ban-client unit:fail2ban.service connect; chmod 600 home/agentkit.toml
"""
# The machine of the founding story: a crontab, a unit, and scripts that ask fail2ban for its status.
NODE = "; ".join(
    f"mkdir -p {os.path.dirname(f'node/{name}')} && printf %s {shlex.quote(text)} > node/{name}"
    for name, text in STORY.items()
)
# Whoever uses git has a name there.
YOU = """
export GIT_CONFIG_GLOBAL="$PWD/gitconfig" && git config --file gitconfig user.name you
git config --file gitconfig user.email you@example.org; git config --file gitconfig init.defaultBranch main
"""
# A repository with a package of three lines and its tests.
SHOP = rf"""{YOU}
mkdir -p shop/shop shop/test && cd shop && touch shop/__init__.py
printf 'def tax(net):\n    return round(net * 0.2, 2)\n' > shop/tax.py
cat > test/test_tax.py <<'END'
from shop.tax import tax

def test_tax():
    assert tax(10) == 2

def test_nothing():
    assert tax(0) == 0

def test_cents():
    assert tax(0.99) == 0.2
END
git init --quiet && git add . && git commit --quiet --message "a shop"
"""
# A server of fail2ban that hangs with whoever asks it, and a check that would.
HANGING = """
mkdir hung && printf '#!/bin/sh\\nexec sleep 60\\n' | tee hung/fail2ban-client > report
chmod +x hung/fail2ban-client report && export PATH="$PWD/hung:$PATH"
printf '[[check]]\\nnode = "%s"\\nrun = [%s]\\nlimit = "%s"\\n\\n' > checks.toml \\
    unit:fail2ban.service '"fail2ban-client", "ping"' 1s job:report '"./report", "--dry-run"' 5s
printf '[[depmap.declare]]\\nfrom = "job:report"\\nto = "unit:fail2ban.service"\\n' >> checks.toml
"""
# A machine without a model, and one with a script in its place, which tells what it used as `claude -p` does.
MINDLESS = "mkdir -p home && echo 'host = \"web-1\"' > home/agentkit.toml && chmod 600 home/agentkit.toml"
DECISION = {
    "action": "notify",
    "severity": "critical",
    "rationale": "the disk is full, and the backup is the first to notice",
}
USED = {"type": "result", "usage": {"input_tokens": 812, "output_tokens": 61}}
SAYS = json.dumps({**USED, "result": json.dumps(DECISION)})
TELLS = json.dumps({**USED, "result": "Most often logs that nothing rotates: du -xh / | sort -h | tail names them."})
MIND = rf"""{MINDLESS}
cat > claude <<'END'
#!/bin/sh
said={shlex.quote(TELLS)}
grep -q '^Decide about this group' && said={shlex.quote(SAYS)}
printf '%s\n' "$said"
END
chmod +x claude && cat >> home/agentkit.toml <<END
[think.budget]
usd_per_day = 1
calls_per_hour = 20
[[think.provider]]
name = "claude"
kind = "command"
model = "claude-sonnet-5-5"
run = ["$PWD/claude"]
price_in = 2
price_out = 10
END
"""
# The machine of the night, until its backup has gone home.
NIGHT = "\n".join(
    step.command
    for step in itertools.takewhile(
        lambda step: step.command != "agentkit heartbeat check",
        (
            step
            for block in read_blocks(ROOT / "docs/night.md")
            if block.language == "console"
            for step in read_steps(block)
        ),
    )
)
SCENES = {
    "night": NIGHT,
    "mind": MIND,
    "mindless": MINDLESS,
    "hanging": HANGING,
    "shop": SHOP,
    "you": YOU,
    "node": f"{NODE}; chmod +x node/usr/local/bin/*",
    "declared": DECLARED,
    "disk": DISK,
    "export": "; ".join(f"{EXPORT} 'echo rows={rows} >> \"$AGENTKIT_MARKS\"'" for rows in (12, 9, 14, 0)),
    "good-nights": GOOD_NIGHTS,
    "backup": f"{GOOD_NIGHTS} touch backup.lock; agentkit heartbeat run backup --every 1d -- ./backup.sh",
}
# Blocks that no test runs as they stand, and why; what they do is tested elsewhere.
INSTALLS = "downloads the dependencies; test_packaging.py builds the wheel, installs it and runs it, through a link too"
NOT_RUN = {
    "README.md: python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/agentkit checkup": INSTALLS,
    "docs/installation.md: python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/agentkit checkup": INSTALLS,
    "docs/installation.md: python3 -m venv /opt/agentkit": INSTALLS,
    "docs/installation.md: pipx install .": INSTALLS,
    "docs/installation.md: .venv/bin/pip wheel --no-deps --wheel-dir dist .": INSTALLS,
    "docs/installation.md: /opt/agentkit/bin/pip install --upgrade .": INSTALLS,
    "docs/installation.md: rm -rf /opt/agentkit /usr/local/bin/agentkit": "removes what the machine itself may use",
}


def _group(blocks: list[Block]) -> dict[tuple[str, str], list[Step]]:
    groups: dict[tuple[str, str], list[Step]] = {}
    for block in blocks:
        if block.language in PLAYED and block.name not in NOT_RUN:
            groups.setdefault((block.page, block.scene), []).extend(read_steps(block))
    return groups


SESSIONS = _group(BLOCKS)


@pytest.mark.parametrize(("page", "scene"), SESSIONS, ids=str)
def test_a_page_shows_what_its_commands_print(page: str, scene: str, tmp_path: Path) -> None:
    steps = SESSIONS[page, scene]
    before = [SCENES[scene]] if scene else []
    played = play([*before, *(step.command for step in steps)], tmp_path)
    assert len(played) == len(before) + len(steps), f"the session ended after {played[-1:]}"
    for step, (status, output) in zip(steps, played[len(before) :], strict=True):
        came, shown = mask(output, tmp_path), mask(step.shown, tmp_path)
        if "heartbeat check" in step.command:
            # Findings of one check stand in the order of their fingerprints, and those differ from host to host.
            missing = Counter(shown) - Counter(came)
            assert not +missing - Counter(["…"]), f"$ {step.command}\n" + "\n".join(output)
            assert "…" in shown or len(shown) == len(came), f"$ {step.command}\n" + "\n".join(output)
        else:
            assert fits(shown, came), f"$ {step.command}\n" + "\n".join([*output, "--- shown:", *step.shown])
        assert status in (0, 1) or "$?" in step.command, f"$ {step.command} ended with {status}"


def test_every_block_is_run_or_has_its_reason() -> None:
    kinds = {*PLAYED, "cron", "toml", "json", "text"}
    assert [block.name for block in BLOCKS if block.language not in kinds] == []
    assert [block.name for block in BLOCKS if block.language == "text" and "$ " in block.text] == []
    assert set(NOT_RUN) - {block.name for block in BLOCKS} == set()
    assert set(SCENES) - {block.scene for block in BLOCKS} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in find_links(page):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = page.parent / target if target else page
        if not found.exists() or (anchor and anchor not in _anchors(found)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_of_this_repository_that_it_names_is_there(page: Path) -> None:
    named = re.findall(r"(?<![\w/.])((?:tests|docs|agentkit)/[\w./-]+\w)", page.read_text())
    named += [f"{module.replace('.', '/')}.py" for module in re.findall(r"-m (tests\.[\w.]+\w)", page.read_text())]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_it_names_is_one(page: Path) -> None:
    wrong = [command for command in find_named_commands(page) if not _is_command(command)]
    assert wrong == []


def test_no_page_tells_of_the_machine_it_was_written_on() -> None:
    foreign = re.compile(rf"/work\b|/root/|{re.escape(os.uname().nodename)}\b(?=[@:])")
    assert [page for page in PAGES if foreign.search(page.read_text())] == []


@pytest.mark.parametrize("door", DOORS)
def test_the_page_of_a_command_lists_the_options_that_there_are(door: str) -> None:
    listed = {verb: _options_of(text) for verb, text in _sections(ROOT / f"docs/{door}.md").items()}
    group = _open_door(door)
    declared = {
        verb: {option for spot in command.params for option in spot.opts if option.startswith("--")}
        for verb, command in _iterate_verbs(group)
    }
    assert {verb: listed.get(verb) for verb in declared} == declared


def test_heartbeat_lists_the_findings_that_there_are() -> None:
    [table] = re.findall(r"^\| type \|.*?\n\n", (ROOT / "docs/heartbeat.md").read_text(), re.DOTALL | re.MULTILINE)
    listed = re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)
    source = "".join(module.read_text() for module in (ROOT / "agentkit/heartbeat").glob("*.py"))
    found = {*OF_RUNS, *re.findall(r'Sighting\(\s*"([a-z-]+)"', source)}
    assert Counter(listed) == Counter(found)


def test_depmap_lists_the_findings_of_a_probe() -> None:
    section = _sections(ROOT / "docs/depmap.md")["probe"]
    listed = re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", section, re.MULTILINE)
    assert Counter(type_ for type_, _ in listed) == Counter(ORDER)
    assert {severity for _, severity in listed} <= set(SEVERITIES)


def test_heartbeat_names_every_code_of_coverage() -> None:
    sources = [*(ROOT / "agentkit/heartbeat").glob("*.py"), ROOT / "agentkit/core/timers.py"]
    text = "".join(source.read_text() for source in sources)
    said = set(re.findall(r'(?:\bReason\(|\.say\()\s*"([a-z-]+)"', text)) | FIXES.keys()
    said |= set(re.findall(r'^\s+(?:yield|return|faults\.append)?[\s([]*"([a-z]+-[a-z-]+)", f"', text, re.MULTILINE))
    section = _sections(ROOT / "docs/heartbeat.md")["coverage"]
    assert sorted(code for code in said if f"`{code}`" not in section) == []


def test_contracts_list_the_statuses_that_there_are() -> None:
    text = (ROOT / "docs/contracts.md").read_text()
    listed = re.findall(r"^\| (\d+(?:\+N)?) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert listed == [tuple(row) for row in EXIT_TABLE]


def test_contracts_list_the_tables_of_the_ledger() -> None:
    section = _sections(ROOT / "docs/contracts.md")["The ledger"]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(LEDGER_TABLES)


def test_contracts_show_a_record_of_each_kind() -> None:
    shown = {json.loads(block.text)["kind"] for block in BLOCKS if block.language == "json"}
    assert shown == set(list_kinds()) - {"common"}


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "json"], ids=lambda block: f"{block.line}")
def test_a_record_that_is_shown_fits_its_schema(block: Block) -> None:
    record = json.loads(block.text)
    jsonschema.validate(record, read_schema(record["kind"]))
    if record["kind"] == "finding":
        spots = [record[name] for name in ("host", "source", "type", "subject", "key")]
        assert record["fingerprint"] == fingerprint(*spots)


def test_configuration_lists_the_keys_that_there_are() -> None:
    sections = _sections(ROOT / "docs/configuration.md")
    tables = {"The top": TOP, **{f"[{name}]": describe_settings(table) for name, table in TABLES.items()}}
    for title, settings in tables.items():
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*) \| ([^|]+) \|$", sections[title], re.MULTILINE)
        wanted = [(one.name, one.kind.expected, _write_default(one.default), one.meaning) for one in settings.values()]
        assert rows == wanted


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "toml"], ids=lambda block: f"{block.line}")
def test_a_configuration_that_is_shown_is_understood(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "agentkit.toml"
    file.write_text(block.text)
    file.chmod(0o600)
    complaints: list[str] = []
    environ = {"AGENTKIT_CONFIG": str(file)}
    load_configuration(environ, own=("heartbeat", "jobs", "depmap", "check"), warn=complaints.append)
    assert complaints == []
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "cron"], ids=lambda block: f"{block.line}")
def test_a_crontab_that_is_shown_is_run_by_cron_whole(block: Block) -> None:
    parsed = parse_crontab(f"{block.text}\n", file="crontab", owner="root", is_user=lambda name: name == "root")
    assert [line.why for line in parsed.dropped] == []
    written = [line for line in block.text.splitlines() if re.match(r"[\d*@]", line)]
    assert len(parsed.lines) == len(written)
    assert [line.command for line in parsed.lines if not _is_command(line.command)] == []


def _open_door(name: str) -> TyperGroup:
    return typer.main.get_group(importlib.import_module(f"agentkit.{name}.cli").app)


def _iterate_verbs(group: TyperGroup, before: str = "") -> Iterator[tuple[str, Command]]:
    """Yield each verb of a door with its name, as `set` or `audit verify`; a group only where it answers itself."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _iterate_verbs(command, f"{before}{name} ")
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            yield f"{before}{name}", command


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-") for title in titles}


def _sections(page: Path) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)
    return {title.strip("`"): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def _options_of(section: str) -> set[str]:
    rows = re.findall(r"^\| ((?:`--[^|]*`(?:, )?)+) \|", section, re.MULTILINE)
    return {option for row in rows for option in re.findall(r"--[a-z-]+", row)}


def _write_default(default: object) -> str:
    return "" if default is None else f"`{json.dumps(default)}`"


def _is_command(text: str) -> bool:
    """Tell whether a command line names a door, a verb and options that there are; `…` may end it."""
    try:
        words = shlex.split(text.replace("…", " "))
    except ValueError:
        words = text.split()
    names = [index for index, word in enumerate(words) if os.path.basename(word) == "agentkit"]
    if not names:
        return False
    words = words[names[0] + 1 :]
    group = build_root()
    for name in list(words):
        if name.startswith("-") or not isinstance(group, TyperGroup):
            break
        if name not in group.commands:
            return False
        group = _open_door(name) if name in DOORS else group.commands[name]
        words = words[1:]
    known = {"--help", "-h", *(option for spot in group.params for option in spot.opts)}
    own = words[: words.index("--")] if "--" in words else words
    return all(word.partition("=")[0] in known for word in own if word.startswith("-") and word != "-")

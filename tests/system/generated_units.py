"""What would a machine look like whose units were written by somebody with a taste for the unusual?"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "lib/systemd/system")
STEMS = ("a", "b-c", "b-c-d", "b-e", "long.name_1", r"d\x2de", "x:y", "-q")
TYPES = ("service", "socket", "timer", "path", "target", "slice", "mount", "automount", "swap")
INSTANCES = ("one", "two-three", r"dev-sd\x61", "n@m", "7")
RELATIONS = (
    *("Requires", "Requisite", "Wants", "Upholds", "BindsTo", "BindTo", "PartOf", "After", "Before", "OnFailure"),
    *("OnSuccess", "RequiresOverridable"),
)
CONDITIONS = ("ConditionPathExists=!/x%i", "AssertPathExists=|/etc/%N", "ConditionPathExists=", "ConditionUser=x")
WORDS = (
    *(
        "a",
        "%i",
        "%I",
        "%n",
        "%N",
        "%p",
        "%P",
        "%j",
        "%J",
        "%%",
        "%f",
        "%t/x",
        "%S",
        "%C",
        "%L",
        "%E",
        "%T",
        "%V",
        "%-",
    ),
    *("'a b'", '"c d"', r"e\x20f", r"g\th", r"\u00e9", r"\101", r"\;", ";", '"it\'s"', "'say \"x\"'", r"k\q", r"'\''"),
    *(
        "$HOME",
        "${X}y",
        "$$",
        "{a}",
        "*",
        "[z]",
        "~",
        "#no",
        "x=y",
        '""',
        "a'b'c",
        r"\\",
        r"\s",
        "\\U0001F600",
        "é",
        "&&",
    ),
)
BAD_WORDS = ("%X", "%K", '"open', "'", "\\", "a\\")
PROGRAMS = ("/bin/true", "/usr/bin/echo", "echo", "/opt/x y", "/no/such", "/bin//sh", "/opt/%i", "/opt/%p-x")
BAD_PROGRAMS = ("", "/", "bin/true", "/opt/", "%X", ".", "'/a\"b'", "@", "-")
PREFIXES = ("", "", "", "-", "@", ":", "+", "!", "!!", "-@", "@-:", "+!", "--", "-+:@")
EXTRAS = {
    "service": (
        *("Type=oneshot", "Type=simple", "Type=dbus", "Type=nonsense", "RemainAfterExit=yes", "BusName=org.x.%N"),
        *("PrivateTmp=yes", "PrivateTmp=maybe", "DynamicUser=yes", "User=daemon", "User=", "StateDirectory=x y/z"),
        *(
            "CacheDirectory=%p",
            "LogsDirectory=l:m",
            "RuntimeDirectory=r",
            "ConfigurationDirectory=c",
            "StateDirectory=",
        ),
        *(
            "StandardInput=tty",
            "StandardInput=socket",
            "StandardOutput=null",
            "StandardError=journal",
            "StandardOutput=tty",
        ),
        *("StandardOutput=file:/var/log/x", "WorkingDirectory=/srv", "WorkingDirectory=-/srv", "WorkingDirectory=~"),
        *(
            "WorkingDirectory=",
            "RootDirectory=/r",
            "Slice=b-c.slice",
            "Slice=user-%i.slice",
            "Slice=a.service",
            "Slice=",
        ),
        *("Sockets=a.socket", "Sockets=b-e.socket a.service", "Restart=always", "EnvironmentFile=-/etc/default/%p"),
        *("Environment=X=1 'Y=2 3'", "LogNamespace=ns", "TimeoutStartSec=infinity", "SuccessAction=none"),
    ),
    "socket": (
        *("ListenStream=80", "ListenStream=/run/%p.sock", "ListenStream=[::1]:22", "ListenDatagram=127.0.0.1:53"),
        *("ListenStream=/var/run/old.sock", "ListenFIFO=/run/f", "ListenStream=@abstract", "ListenStream="),
        *(
            "ListenStream=nonsense",
            "Accept=yes",
            "Accept=no",
            "Service=b-c.service",
            "Service=a.timer",
            "SocketUser=mail",
        ),
        *("ListenNetlink=kobject-uevent 1", "ExecStartPre=/bin/true %p", "ExecStopPost=-/bin/false", "Slice=b.slice"),
        *("Service=tp@one.service", "PrivateTmp=yes"),
    ),
    "timer": (
        *(
            "OnCalendar=daily",
            "OnBootSec=5min",
            "OnUnitActiveSec=1h",
            "OnCalendar=",
            "Persistent=yes",
            "Persistent=off",
        ),
        *("Unit=a.service", "Unit=b-c.target", "Unit=nonsense", "Unit=tp@%p.service", "Unit=a.timer", "OnBootSec=x"),
        *("OnCalendar=never-ever",),
    ),
    "path": (
        *("PathExists=/run/x", "PathExistsGlob=/run/*.x", "PathChanged=/etc/%p", "DirectoryNotEmpty=/var/spool/x"),
        *("PathModified=", "Unit=a.service", "Unit=b-e.service", "PathExists=relative", "MakeDirectory=yes"),
    ),
    "mount": (
        *("What=/dev/sda1", "What=tmpfs", "Type=tmpfs", "Type=ext4", "Type=nfs", "Options=bind", "What=/srv/source"),
        *("Options=nofail,usrquota", "Options=_netdev", "Options=loop", "Slice=b.slice", "What=host:/export"),
    ),
    "swap": ("What=/swapfile", "Priority=1", "Options=nofail"),
    "automount": ("TimeoutIdleSec=1",),
    "slice": ("CPUWeight=10",),
    "target": (),
}
SECTIONS = {name: name.capitalize() for name in TYPES if name != "target"}


def make_machine(choices: random.Random) -> dict[str, str]:
    """Return the files of a machine, as tests.machines.build_machine takes them."""
    names = [_make_name(choices) for _ in range(choices.randint(6, 16))]
    names = [*dict.fromkeys([*names, "a.service", "tp@.service", "a.socket"])]
    files = {f"{choices.choice(FOLDERS)}/{name}": _make_unit(choices, name, names) for name in names}
    for name in choices.sample(names, min(4, len(names))):
        stem, _, kind = name.rpartition(".")
        for _ in range(choices.randint(0, 3)):
            where = choices.choice([name, f"{stem.partition('-')[0]}-.{kind}", kind, f"{stem}x.{kind}"])
            # All slices, the one that asks for the dump among them, stay as they are.
            where = name if where == "slice" or where.startswith("-.") else where
            number = choices.choice(["10", "20", "30"])
            text = "" if choices.random() < 0.1 else _make_unit(choices, name, names, is_drop_in=True)
            files[f"{choices.choice(FOLDERS)}/{where}.d/{number}.conf"] = text
    for _ in range(choices.randint(0, 5)):
        extra = choices.choice(["wants", "requires"])
        wanted = _make_instance(choices, choices.choice(names))
        target = choices.choice([f"../{wanted}", "/dev/null", "../gone.service"]) if choices.random() < 0.2 else wanted
        owner = choices.choice([*names, "multi-user.target", "tp@one.service"])
        files[f"{choices.choice(FOLDERS)}/{owner}.{extra}/{wanted}"] = f" -> ../{target}"
    for _ in range(choices.randint(0, 4)):
        name = choices.choice(names)
        kind = name.rpartition(".")[2]
        # By which of its names systemd comes across a unit first is chance, and fills in %n and %p.
        if any("%" in text for path, text in files.items() if name in path or f"/{kind}.d/" in path):
            continue
        alias = f"alias{choices.randint(1, 3)}{'@' if '@' in name else ''}.{kind}"
        folder = choices.choice(FOLDERS)
        # A link in another folder names the unit all the same.
        files.setdefault(f"{folder}/{alias}", f" -> {choices.choice(['', './'])}{name}")
    if choices.random() < 0.3:
        files[f"etc/systemd/system/{choices.choice(names)}"] = choices.choice(["", " -> /dev/null"])
    return files


def _make_name(choices: random.Random) -> str:
    kind = choices.choice((*TYPES, "service", "service", "service", "target"))
    at = choices.choice(("", "", "", "@", f"@{choices.choice(INSTANCES)}")) if kind not in ("slice", "swap") else ""
    if kind in ("mount", "automount", "slice"):
        at = ""
    return f"{choices.choice(STEMS)}{at}.{kind}"


def _make_instance(choices: random.Random, name: str) -> str:
    return name.replace("@.", f"@{choices.choice(INSTANCES)}.") if choices.random() < 0.8 else name


def _make_unit(choices: random.Random, name: str, names: Sequence[str], *, is_drop_in: bool = False) -> str:
    kind = name.rpartition(".")[2]
    lines = ["[Unit]"]
    if choices.random() < 0.2:
        lines.append(f"DefaultDependencies={choices.choice(['no', 'yes', 'maybe', '0'])}")
    for _ in range(choices.randint(0, 4)):
        words = [_make_reference(choices, names) for _ in range(choices.randint(1, 3))]
        gap = choices.choice([" ", "  ", " \\\n  ", " \\\n# a comment\n\t"])
        lines.append(f"{choices.choice(RELATIONS)}{choices.choice(['=', ' = '])}{gap.join(words)}")
    if choices.random() < 0.2:
        lines.append(f"{choices.choice(RELATIONS)}=")
    if choices.random() < 0.2:
        lines.append(f"RequiresMountsFor={choices.choice(['/srv', '/b/c /x', '%S/%p', 'rel', '/var/tmp/../x', '/-q'])}")
    if choices.random() < 0.3:
        lines.append(choices.choice(CONDITIONS))
    if choices.random() < 0.03 and kind not in ("mount", "swap"):
        lines.append(choices.choice(["[broken", "no equals", "=x", "[Unknown]", "Description=\udce9", "; a comment"]))
    if kind in SECTIONS:
        lines.append(f"[{SECTIONS[kind]}]")
        lines.extend(choices.sample(EXTRAS[kind], choices.randint(0, min(4, len(EXTRAS[kind])))))
        lines.extend(_make_body(choices, kind, is_drop_in))
    if choices.random() < 0.2:
        lines.append("[Install]\nWantedBy=multi-user.target\nAlias=z.service")
    return "\n".join(lines) + choices.choice(["\n", "", "\n\n"])


def _make_body(choices: random.Random, kind: str, is_drop_in: bool) -> list[str]:
    """Return what a unit of this type cannot do without."""
    if kind == "service":
        keys = [
            "ExecStart",
            *choices.choices(["ExecStart", "ExecStartPre", "ExecStop", "ExecReload", "ExecCondition"], k=2),
        ]
        lines = [f"{key}={_make_command(choices)}" for key in keys[is_drop_in : choices.randint(1, 3)]]
        return ["ExecStart=", *lines] if choices.random() < 0.15 else lines
    needed = {
        "socket": "ListenStream=/run/s",
        "timer": "OnBootSec=1",
        "path": "PathExists=/p",
        "mount": "What=/dev/sdb",
    }
    return [needed[kind]] if kind in needed and not is_drop_in and (kind == "mount" or choices.random() < 0.8) else []


def _make_command(choices: random.Random) -> str:
    commands = []
    for _ in range(choices.choice([1, 1, 1, 2])):
        is_bad = choices.random() < 0.04
        program = choices.choice(PREFIXES) + choices.choice(BAD_PROGRAMS if is_bad else PROGRAMS)
        words = choices.choices(WORDS, k=choices.randint(0, 5))
        if choices.random() < 0.04:
            words.append(choices.choice(BAD_WORDS))
        commands.append(choices.choice([" ", "  ", " \\\n  "]).join([program, *words]))
    return " ; ".join(commands)


def _make_reference(choices: random.Random, names: Sequence[str]) -> str:
    if choices.random() < 0.15:
        return choices.choice(
            [
                *("no-suffix", "%n", "%p.target", "tp@%i.service", "tp@%p-x.service", "b-%i.service", "alias1.service"),
                *(
                    "dev-sda.device",
                    "gone.service",
                    "basic.target",
                    "%X.service",
                    '"quoted.service"',
                    "alias2@x.service",
                ),
                *("tp@%n.service", "tp@x%i.service", "%N@%i.service", "user.slice", "@.service", "a@b@c.service"),
            ]
        )
    return _make_instance(choices, choices.choice(names))


def build_generated(root: Path, files: Mapping[str, str]) -> Path:
    """Make the files of a generated machine, open to every user; the later one of two with one name counts."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if text.startswith(" -> "):
            path.symlink_to(text.removeprefix(" -> "))
        else:
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for path in (root.parent, root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return root

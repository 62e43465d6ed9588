"""What may a shell script look like? Scripts put together at random from what real ones are made of.

Every place that can start a program has a program of its own (p1, p2…), so that a run tells which places did; d1, d2…
are only ever data. Nothing here says which edges are right: a run under strace does.
"""

import os
import random
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

PLACES = ("p{}", "/opt/tools/p{}", "/usr/local/bin/p{}")
WRAPPED = (
    *("sudo {}", "sudo -u nobody {}", "sudo -n A=1 {}", "env {}", "env A=1 B=2 {}", "env -u LANG {}", "nice {}"),
    *("nice -n 5 {}", "nohup {}", "setsid -w {}", "timeout 9 {}", "timeout -k 5 -s INT 9s {}", "stdbuf -oL {}"),
    *("ionice -c3 {}", "flock -n /tmp/{lock} {}", "xargs -a /dev/null -n1 {}", "chroot /srv/jail {}"),
    *("systemd-run --wait -p X=1 {}", "runuser -u nobody -- {}"),
)
Lines = list[str]


@dataclass(slots=True)
class Generated:
    """The files of a script (main.sh is the script), its arguments, and the programs that stand in it somewhere."""

    files: dict[str, str]
    words: list[str]
    programs: list[str]


def generate_script(choices: random.Random, size: int = 12) -> Generated:
    """Return a script of about `size` pieces, with libraries beside it in some."""
    made = _Maker(choices)
    head = ["#!/bin/bash", *choices.choice(([], ["# d0 is no program; d0"], ["set -u"], [""]))]
    body = made.make_libraries() if choices.random() < 0.4 else []
    for _ in range(size):
        body += made.make_piece(0)
    body += made.end()
    made.files["main.sh"] = "\n".join([*head, *body]) + "\n"
    written = set(re.findall(r"\b[dp]\d+\b", " ".join([*made.files.values(), *made.arguments])))
    numbers = set(re.findall(r"\bq?(\d+)\b", made.files["main.sh"] + made.files.get("lib.sh", "")))
    programs = [name for name in made.programs if (own := os.path.basename(name)) in written or own[1:] in numbers]
    return Generated(made.files, made.arguments, programs)


@dataclass(slots=True)
class _Maker:
    choices: random.Random
    files: dict[str, str] = field(default_factory=dict)
    programs: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    count: int = 0
    trap: str | None = None
    has_run: bool = False

    def new(self, letter: str = "v") -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def program(self, *, plain: bool = False) -> str:
        self.count += 1
        name = "p{}" if plain or self.choices.random() < 0.8 else self.choices.choice(PLACES)
        self.programs.append(name.format(self.count))
        return self.programs[-1]

    def data(self) -> str:
        return self.new("d")

    # Words of one simple command.

    def arguments_of(self) -> str:
        ways: tuple[Callable[[], str], ...] = (
            lambda: "",
            lambda: " x",
            lambda: f" '{self.data()}; {self.data()}'",
            lambda: f' "a {self.data()} | b"',
            lambda: f" --run={self.data()}",
            lambda: f' "$({self.program()} y)"',
            lambda: f" `{self.program()}`",
            lambda: f" a#{self.data()}",
            lambda: f" $(( 1 + $({self.program()})0 ))",
            lambda: ' "${HOME}" $#',
            lambda: f" <({self.program()})",
            lambda: f' "${{{self.new("U")}:-$({self.program()})}}"',
        )
        weights = [6, 6, 2, 2, 2, 3, 1, 1, 1, 2, 1, 1]
        return self.choices.choices(ways, weights)[0]()

    def redirection(self) -> str:
        ways = ("", "", "", " >/dev/null", " 2>&1", " >/tmp/out", " >>/tmp/out 2>/dev/null", " </dev/null", " <<<x")
        return self.choices.choice(ways)

    def simple(self) -> str:
        name = self.program()
        ways = (name, name, name, name, f'"{name}"', f"'{name}'", f"\\{name}", f"LC_ALL=C {name}", f"command {name}")
        return self.choices.choice(ways) + self.arguments_of() + self.redirection()

    def wrapped(self, depth: int = 0, *, is_appended: bool = False) -> str:
        """Return a program behind wrappers; `is_appended` tells that more words may be put behind it."""
        if depth > 2 or self.choices.random() < 0.25:
            return self.program() + self.choice_of(("", " x", " -n 5 y"))
        inner = self.wrapped(depth + 1, is_appended=is_appended)
        if not is_appended and self.choices.random() < 0.35:
            return self.behind_text(inner)
        return self.choices.choice(WRAPPED).format(inner, lock=self.new("l"))

    def behind_text(self, inner: str) -> str:
        appended = self.wrapped(2, is_appended=True)
        return self.choice_of(
            (
                f"flock /tmp/{self.new('l')} -c {shlex.quote(inner)}",
                f"sh -c {shlex.quote(inner)}",
                f"sh -c {shlex.quote(f'{self.program()}; {inner}')}",
                f"bash -c {shlex.quote(f'{inner} | {self.program()}')}",
                f"su -c {shlex.quote(inner)} nobody",
                f"find /etc/hostname -exec {appended} {{}} \\;",
                f"find /etc/hostname -exec {appended} {{}} +",
            )
        )

    def choice_of(self, ways: tuple[str, ...]) -> str:
        return self.choices.choice(ways)

    def command(self) -> str:
        """Return one command that fits on a line."""
        draw = self.choices.random()
        if draw < 0.55:
            return self.simple()
        if draw < 0.85:
            return self.wrapped()
        if draw < 0.92:
            return f"echo {self.data()} | xargs {self.wrapped(1, is_appended=True)}"
        return f"{self.program()} | {self.program()} | {self.simple()}"

    # Pieces of one line or more.

    def make_piece(self, depth: int) -> Lines:
        ways: list[tuple[int, Callable[[int], Lines]]] = [
            (30, lambda _: [self.command()]),
            (6, lambda _: [f"{self.command()} && {self.command()}"]),
            (3, lambda _: [f"{self.command()}; {self.command()} # {self.data()}"]),
            (2, lambda _: [f"false || {self.command()}"]),
            (2, lambda _: [f"! {self.program()} || {self.command()}"]),
            (3, self.make_joined),
            (2, lambda _: [f"{{ {self.command()}; }} >/dev/null"]),
            (2, lambda _: [f"{self.program()} &", "wait"]),
            (4, self.make_data),
            (4, self.make_here),
            (6, self.make_value),
            (5, self.make_text),
            (1, self.make_unknown),
            (3, self.make_builtins),
        ]
        if depth < 3:
            ways += [(6, self.make_if), (5, self.make_loop), (3, self.make_case)]
        if depth == 0:
            ways += [(12, self.make_function), (3, self.make_runner), (2, self.make_trap)]
        return self.choices.choices([way for _, way in ways], [weight for weight, _ in ways])[0](depth)

    def make_joined(self, depth: int) -> Lines:
        first, second, last = self.command(), self.command(), self.program()
        # Within another command a subshell in a pipe makes bash 5.2 lose count of its lines.
        if depth:
            return [f"{{ {first}; {second}; }} | {last}"]
        return [f"( {first}; {second} ) | {last}"]

    def make_block(self, depth: int) -> Lines:
        lines: Lines = []
        for _ in range(self.choices.randint(1, 3)):
            lines += self.make_piece(depth + 1)
        return lines

    def make_if(self, depth: int) -> Lines:
        condition = self.choices.choice(
            (
                "true",
                self.program(),
                "[ -n x ]",
                f"[[ -z $({self.program()}) ]]",
                "(( 1 ))",
                f"false || {self.program()}",
            )
        )
        lines = [f"if {condition}; then", *self.make_block(depth)]
        if self.choices.random() < 0.3:
            lines += [f"elif {self.program()}; then", *self.make_block(depth)]
        if self.choices.random() < 0.4:
            lines += ["else", *self.make_block(depth)]
        return [*lines, "fi"]

    def make_loop(self, depth: int) -> Lines:
        name = self.new()
        first, second = self.program(plain=True), self.program(plain=True)
        heads = (
            f"for {name} in a b; do",
            f"for {name} in $({first}) x; do",
            f"for (({name} = 0; {name} < 2; {name}++)); do",
            f'while [ -z "${{{name}:-}}" ] && {name}=1; do',
            f"until {first}; do",
            f"printf 'a\\n' | while read -r {name}; do",
        )
        if self.choices.random() < 0.25:
            return [f"for {name} in {first} {second}; do", f"    ${name} x", "done"]
        if self.choices.random() < 0.2:
            return [f"for {name} in {first} {second}; do", f'    timeout 9 "${name}"', *self.make_block(depth), "done"]
        return [self.choices.choice(heads), *self.make_block(depth), "done"]

    def make_case(self, depth: int) -> Lines:
        value, hit = self.choices.choice((("x", "x"), (f'"$({self.program()})"', '""'), ("$#", "[0-9]")))
        return [
            f"case {value} in",
            f"{self.data()} | '{self.data()}')",
            *self.make_block(depth),
            "    ;;",
            f"{hit})",
            *self.make_block(depth),
            "    ;;",
            f"*) {self.program()} ;;",
            "esac",
        ]

    def make_function(self, depth: int) -> Lines:
        name, helper = self.new("f"), self.new("g")
        open_line = self.choices.choice((f"{name}() {{", f"function {name} {{", f"{name} ()\n{{"))
        body = self.make_block(depth)
        use = [
            self.choices.choice(
                (name, f"{name} a b", f'"{name}" >/dev/null', f"{name} | {self.program()}", f"true && {name}")
            )
        ]
        if self.choices.random() < 0.3:
            # Defined after the function that uses it.
            return [open_line, *body, f"    {helper} x", "}", f"{helper}() {{", *self.make_block(depth), "}", *use]
        if self.choices.random() < 0.15:
            return [open_line, f"    local {helper}={self.program()}", f'    "${helper}" x', *body, "}", *use]
        if self.choices.random() < 0.15:
            return [f"{name}() (", *body, ")", *use]
        if self.choices.random() < 0.1:
            return [open_line, *body, "}"]
        return [open_line, *body, "}", *use]

    def make_runner(self, _depth: int) -> Lines:
        name = self.new("run")
        body = self.choices.choice(
            (
                '    "$@"',
                '    "$@" || return 1',
                f'    {self.program()}\n    "$@"',
                '    timeout 9 "$@"',
                '    echo "$*"\n    command "$@"',
            )
        )
        uses = [f"{name} {self.program()} x", f"{name} {self.wrapped(1)}"]
        if self.choices.random() < 0.3:
            body, uses = (
                '    local first=$1\n    shift\n    sudo -u "$first" "$@"',
                [f"{name} nobody {self.program()} x"],
            )
        return [f"{name}() {{", body, "}", *uses]

    def make_trap(self, _depth: int) -> Lines:
        if self.trap is not None:
            return []
        self.trap = self.program(plain=True)
        if self.choices.random() < 0.5:
            return [f"trap '{self.trap} x; {self.program()}' EXIT"]
        name = self.new("f")
        return [f"{name}() {{", f"    {self.trap}", "}", f"trap {name} EXIT"]

    def make_data(self, _depth: int) -> Lines:
        ways = (
            [f"echo {self.data()}", f"printf '%s' \"{self.data()}; {self.data()}\""],
            [f"{self.new()}='{self.data()} | {self.data()}'"],
            [f"# {self.data()} $({self.data()})", f"{self.program()} x"],
            [f"[ {self.data()} != {self.data()} ] && {self.program()}"],
            [f"[[ {self.data()} == {self.data()} || -n {self.data()} ]]"],
            [f"{self.new()}=({self.data()} '{self.data()}')"],
            [f": $({self.program()}) '$({self.data()})' \"\\$({self.data()})\""],
            [f"grep -q {self.data()} /dev/null", f"sed -e 's/{self.data()}/{self.data()}/' /dev/null"],
        )
        return self.choices.choice(ways)

    def make_builtins(self, _depth: int) -> Lines:
        ways = (
            ["pwd >/dev/null", "true", ":"],
            ["cd /tmp", "cd - >/dev/null"],
            [f"export {self.new()}=$({self.program()})"],
            ["env echo x >/dev/null"],
            [f"command -v {self.data()} >/dev/null"],
            [f"type {self.data()} >/dev/null 2>&1"],
            [f'test -z "$({self.program()})"', "kill -0 $$"],
            [f"let {self.new()}=1+1", "umask 022"],
        )
        return self.choices.choice(ways)

    def make_here(self, _depth: int) -> Lines:
        end = self.choices.choice(("END", "EOF", "_A_"))
        ways = (
            [f"cat >/dev/null <<{end}", f"{self.data()} x", f"$({self.program()})", end],
            [f"cat <<'{end}' >/dev/null", f"{self.data()}", f"$({self.data()})", end],
            [f"{self.program()} <<-{end}", f"\t{self.data()} | {self.data()}", f"\t{end}"],
            [f"bash <<'{end}'", f"{self.program()} x", f"{self.program()} | {self.program()}", end],
            [f"sh -s a <<{end}", f"{self.program()}", end],
            [f"sudo -u nobody bash <<{end}", f"{self.program()}; {self.program()}", end],
            [f"cat <<{end} | sh", f"{self.program()} y", end],
            [f"cat <<{end} | {self.program()} | {self.program()}", f"{self.data()}", end],
            [f"if cat <<{end}", f"{self.data()}", end, f"then {self.program()}; fi >/dev/null"],
        )
        return self.choices.choice(ways)

    def make_value(self, _depth: int) -> Lines:
        name = self.new("V")
        program, other = self.program(), self.program(plain=True)
        self.programs.append(f"/opt/tools/{other}")
        ways = (
            [f"{name}={program}", f"${name} x"],
            [f'{name}="{program}"', f'"${{{name}}}" x', f"sudo ${name} y"],
            [f"{name}='{other} -s --max-time 5'", f"${name} x"],
            [f"{name}=/opt/tools", f'"${name}/{other}" x'],
            [f": ${{{name}:={program}}}", f"${name}"],
            [f"${{{name}:-{program}}} x"],
            [f"{name}=${{{name}:-{program}}}", f'"${name}"'],
            [f"{name}=({program} -a)", f"{name}+=(-b)", f'"${{{name}[@]}}" x'],
            [f"{name}=(sudo -u nobody {program})", f'"${{{name}[@]}}" x'],
            [f"{name}=$(command -v {other})", f"${name} x"],
            [f"{name}=$(which {other})", f'"${name}" x'],
            [f"{name}={program}", f"${name} x", f"{name}={other}", f"${name} y"],
            [f"if [ -e /nowhere ]; then {name}={other}; else {name}={program}; fi", f"${name} x"],
            [f"{name}=timeout", f"${name} 9 {program}"],
            [f"{name}=", f"${name} {program} x"],
            [f"{name}={program}", f'sh -c "${name} x; {other}"'],
            [f"set -- {program} a", '"$@"', "set --"],
        )
        return self.choices.choice(ways)

    def make_text(self, _depth: int) -> Lines:
        program, other = self.program(), self.program()
        ways = (
            [f"eval '{program} x; {other}'"],
            [f'eval "{program} | {other}"'],
            [f"bash -c '\"$@\"' _ {program} x"],
            [f"sh -c '{program} \"$1\"' _ {self.data()}"],
            [f"echo '{program} x' | sh"],
            [f"printf '%s\\n' '{program}' '{other}' | bash"],
            [f"bash <<<'{program} x'"],
            [f"watch -n 5 '{program} | {other}'"],
            [f"bash -c 'f() {{ {program}; }}; f; {other}'"],
        )
        return self.choices.choice(ways)

    def make_unknown(self, _depth: int) -> Lines:
        name = self.new("W")
        program = self.program(plain=True)
        # What printf says can be known without running it; what sed and tr say cannot.
        made = self.choice_of(
            (f"printf 'p%s' {program[1:]}", f"sed s/q/p/ <<<q{program[1:]}", f"tr q p <<<q{program[1:]}")
        )
        ways = (
            [f"$({made}) x"],
            [f"read -r {name} < <({made}; echo)", f"${name} x"],
            [f'eval "$({made}) x"'],
            [f"{made} | sh"],
            [f"{name}=$({made})", f"timeout 9 ${name}"],
            [f"{{ {made}; echo; }} | xargs -I{{}} sh -c '{{}} x'"],
            [f'bash -c "$({made})"'],
        )
        return self.choices.choice(ways)

    def make_libraries(self) -> Lines:
        function = self.new("lib")
        self.files["lib.sh"] = "\n".join([f"{function}() {{", *self.make_block(1), "}", *self.make_block(1)]) + "\n"
        ways = (
            '. "$(dirname "$0")/lib.sh"',
            ". ./lib.sh",
            'source "${BASH_SOURCE[0]%/*}/lib.sh"',
            'DIR=$(cd "$(dirname "$0")" && pwd)\n. "$DIR/lib.sh"',
            "[ -r ./lib.sh ] && . ./lib.sh",
            'for file in ./*.sh; do case $file in ./lib.sh) . "$file" ;; esac; done',
        )
        return [*self.choices.choice(ways).split("\n"), f"{function} x"]

    def end(self) -> Lines:
        if self.choices.random() < 0.08:
            self.arguments = [self.program(plain=True), "x"]
            return self.choices.choice((['"$@"'], ["$1 x"], ['timeout 9 "$@"'], ['main() { "$@"; }', 'main "$@"']))
        return self.choices.choice(([], ["exit 0"], ["exit", self.program()]))

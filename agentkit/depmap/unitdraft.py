"""What is known of one unit while its settings are read, and how does one relation of it become an edge?"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agentkit.core.unitfiles import is_unit_name, split_name, to_instance, to_template
from agentkit.core.unittext import Setting
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitexec import ExecCommand
from agentkit.depmap.unitspecifiers import Fill

TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
FALSE = frozenset({"0", "no", "n", "false", "f", "off"})
# By an instance only, and therefore open in a template.
INSTANCE_SPECIFIERS = ("%i", "%I", "%n", "%N", "%f")
_INSTANCE = re.compile(r"(?<!%)(?:%%)*%[inN]")
# Of these types systemd drops `Before=` (devices cannot be held up) and `OnFailure=` (these cannot fail).
CANNOT_WAIT = ".device"
CANNOT_FAIL = ("device", "slice")


@dataclass(slots=True)
class Draft:
    """One unit in the making.

    `file` is its fragment, empty for none; `lists` hold the settings that add up and `values` the last one of each
    other key, both without those that an empty assignment took back; `paths` what it needs mounted, each with the
    setting that says so and the rule. `own` turns each name of a unit into its own one.
    """

    name: str
    file: str
    fill: Fill
    fill_name: Fill
    own: Callable[[str], str]
    kind: str = ""
    is_template: bool = False
    is_loaded: bool = True
    is_refused: bool = False
    edges: list[Edge] = field(default_factory=list)
    lists: dict[str, list[Setting]] = field(default_factory=dict)
    values: dict[str, Setting] = field(default_factory=dict)
    commands: dict[str, list[tuple[ExecCommand, Setting]]] = field(default_factory=dict)
    paths: list[tuple[str, Setting | None, str]] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    triggered: str = ""

    @property
    def is_sound(self) -> bool:
        """Return whether systemd takes the unit."""
        return self.is_loaded and not self.is_refused

    def get(self, key: str) -> str:
        """Return the last value of a setting, empty for none."""
        setting = self.values.get(key)
        return setting.value if setting else ""

    def is_on(self, key: str, default: bool = False) -> bool:
        """Return whether a setting of yes or no says yes."""
        setting = self.values.get(key)
        return setting.value.lower() in TRUE if setting else default

    def add(self, kind: str, target: str, setting: Setting | None, rule: str = "", path: str | None = None) -> None:
        """Add an edge to a node, which stands where the setting does, else in the unit's file as a whole."""
        if setting is None:
            self.edges.append(Edge(f"unit:{self.name}", target, kind, self.file, None, rule, path=path))
        else:
            self.edges.append(
                Edge(f"unit:{self.name}", target, kind, setting.file, setting.line, rule or setting.key, path=path)
            )

    def relate(self, kind: str, name: str, setting: Setting | None, rule: str = "") -> bool:
        """Add an edge to another unit, unless systemd knows no such relation; return whether it does."""
        if name.partition("@")[2].startswith("."):
            name = self.to_instance(name)
            if not is_name(name):
                return False
        target = self.own(name)
        if target == self.name:
            return False
        if kind == "before" and target.endswith(CANNOT_WAIT):
            return False
        if setting and setting.key == "OnFailure" and self.kind in CANNOT_FAIL:
            return False
        self.add(kind, f"unit:{target}", setting, rule)
        return True

    def receive(self, kind: str, name: str, setting: Setting) -> None:
        """Add an edge from another unit to this one."""
        source = self.own(name)
        self.edges.append(Edge(f"unit:{source}", f"unit:{self.name}", kind, setting.file, setting.line, setting.key))

    def to_instance(self, template: str) -> str:
        """Return the instance that a unit means by the name of a template: that of its own, or of its prefix."""
        if self.is_template:
            return template
        prefix, instance, _ = split_name(self.name)
        return to_instance(template, f"x@{instance or prefix}.service")

    def complain(self, setting: Setting, why: str) -> None:
        """Note what systemd leaves out."""
        self.troubles.append((setting.file, f"line {setting.line}: {setting.key}: {why}"))

    def fill_names(self, setting: Setting) -> list[str]:
        """Return the names of units in a list, specifiers filled in; what is none is a trouble."""
        names = []
        for word in setting.value.split():
            try:
                name = self.fill_name(word)
            except ValueError as error:
                self.complain(setting, str(error))
                continue
            if self.is_open(word) and "@." not in name:
                self.leave_open(setting, word)
            elif not is_name(name):
                self.complain(setting, f"{name!r} is no name of a unit")
            elif not self._leads_to_itself(name, word):
                names.append(name)
        return names

    def is_open(self, word: str) -> bool:
        """Return whether this is a template, and each instance has its own word here."""
        return self.is_template and any(each in word for each in INSTANCE_SPECIFIERS)

    def leave_open(self, setting: Setting, word: str) -> None:
        """Add the edge of a template to what only an instance can name."""
        reason = "each instance of the template has its own"
        source, target = f"unit:{self.name}", f"unknown:{word}"
        self.edges.append(Edge(source, target, "unknown", setting.file, setting.line, setting.key, reason=reason))

    def _leads_to_itself(self, name: str, word: str) -> bool:
        """Return whether systemd drops the name of another instance of this template, as that would never end."""
        instance = word.partition("@")[2].rpartition(".")[0]
        if self.is_template or instance == "%i" or not _INSTANCE.search(instance):
            return False
        return to_template(name) == to_template(self.name)


def is_name(name: str) -> bool:
    """Return whether this is the name of a unit or of a template."""
    if "@." not in name:
        return is_unit_name(name)
    return is_unit_name(name.replace("@.", "@x.", 1))

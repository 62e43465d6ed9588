"""Is a value a limit: a number, none at all, nought, or something that only a running program knows?"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from agentkit.depmap.python.module import Module
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.scopes import ASSIGNED, FUNCTIONS, IMPORTED, PARAMETER, Binding, Scope, list_parameters
from agentkit.depmap.pythonlint.view import View, unparse

# Not there; said to be none; nought; below nought; a limit, or what is computed and taken for one; perhaps behind **.
ABSENT, NONE, ZERO, NEGATIVE, GIVEN, HIDDEN = "absent", "none", "zero", "negative", "given", "hidden"
DEEPEST = 6
NO_NUMBERS = frozenset({"math.inf", "inf", "float('inf')", "float('infinity')", "numpy.inf", "np.inf"})
MOST_CALLERS = 200


@dataclass(frozen=True, slots=True)
class Argument:
    """What a call is given for one parameter: the expression, if there is one, and what it is as a limit."""

    state: str
    value: ast.expr | None = None


class Limits:
    """Reads the arguments of a program's calls as limits."""

    def __init__(self, view: View) -> None:
        self.view = view

    def read(self, call: PyCall, keyword: str, position: int | None) -> Argument:
        """Return what a call is given by the name of a parameter, or at its place (counted from 0)."""
        partial = self.find_partial(call)
        if partial is not None and position is not None:
            position -= count_given(partial)
        hidden = False
        for given in call.node.keywords:
            if given.arg == keyword:
                return Argument(self._judge_given(given.value, call), given.value)
            if given.arg is None:
                found = self._read_options(given.value, keyword, call)
                if found is None:
                    hidden = True
                elif found.state != ABSENT:
                    return found
        for at, value in enumerate(call.node.args):
            if isinstance(value, ast.Starred):
                # How many there are, only a running program knows.
                hidden = hidden or position is not None
                break
            if at == position:
                return Argument(self._judge_given(value, call), value)
        if hidden:
            return Argument(HIDDEN)
        if partial is None:
            return Argument(ABSENT)
        return self.read(partial, keyword, None if position is None else position + len(partial.node.args))

    def _judge_given(self, value: ast.expr, call: PyCall) -> str:
        """Return what an argument is as a limit; where it was looked at whether it is None, it is one."""
        state = self.judge(value, call.module, self.view.scope(call))
        if state == NONE and not isinstance(value, ast.Constant) and _is_guarded(value, call, self.view):
            return GIVEN
        return state

    def find_partial(self, call: PyCall) -> PyCall | None:
        """Return the call of functools.partial that made what is called, where it is one."""
        func, scope = call.node.func, self.view.scope(call)
        found = self.find_value(func, call.module, scope)
        values = [] if found is None or found[0] is func else [found[0]]
        if found is None and isinstance(func, ast.Name) and (held := scope.find(func.id)) is not None:
            # `if run is None: run = functools.partial(…)`
            values = [binding.value for binding in held[1] if binding.value is not None]
        made = [self.view.by_node[value] for value in values if value in self.view.by_node]
        partials = [each for each in made if "functools.partial" in each.names]
        return partials[0] if len(partials) == 1 else None

    def judge(self, node: ast.expr, module: Module, scope: Scope, depth: int = 0) -> str:
        """Return what an expression is as a limit; what is computed is taken for one."""
        if depth > DEEPEST:
            return GIVEN
        if isinstance(node, ast.Constant):
            return _judge_constant(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.judge(node.operand, module, scope, depth + 1)
            return NEGATIVE if inner == GIVEN and isinstance(node.operand, ast.Constant) else inner
        if isinstance(node, ast.IfExp):
            both = {self.judge(each, module, scope, depth + 1) for each in (node.body, node.orelse)}
            return both.pop() if len(both) == 1 else GIVEN
        if isinstance(node, ast.BoolOp):
            states = [self.judge(each, module, scope, depth + 1) for each in node.values]
            return states[-1] if isinstance(node.op, ast.Or) and states[-1] != GIVEN == states[0] else _merge(states)
        if isinstance(node, ast.Name):
            return self._judge_name(node.id, module, scope, depth)
        if isinstance(node, ast.Attribute):
            return self._judge_attribute(node, module, scope, depth)
        if isinstance(node, ast.Call) and unparse(node).lower() in NO_NUMBERS:
            return NONE
        return GIVEN

    def find_value(self, node: ast.expr, module: Module, scope: Scope, depth: int = 0) -> tuple[ast.expr, Scope] | None:
        """Return the one expression that a name stands for, and its scope; None where it is not known or not one."""
        if depth > DEEPEST:
            return None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            holder = scope.find_class()
            given = holder.attributes.get(node.attr, []) if holder is not None else []
            return self.find_value(given[0][0], module, given[0][1], depth + 1) if len(given) == 1 else None
        if not isinstance(node, ast.Name):
            return node, scope
        found = scope.find(node.id)
        if found is None or len(found[1]) != 1:
            return None
        holder, (binding,) = found
        if binding.kind == ASSIGNED and binding.value is not None:
            return self.find_value(binding.value, module, holder, depth + 1)
        if binding.kind == IMPORTED:
            imported = self._find_imported(binding)
            return self.find_value(ast.Name(imported[1]), imported[0], imported[2], depth + 1) if imported else None
        return None

    def _judge_name(self, name: str, module: Module, scope: Scope, depth: int) -> str:
        found = scope.find(name)
        if found is None:
            return GIVEN
        holder, bindings = found
        return _merge([self._judge_binding(name, each, module, holder, depth + 1) for each in bindings])

    def _judge_binding(self, name: str, binding: Binding, module: Module, scope: Scope, depth: int) -> str:
        if binding.kind == ASSIGNED and binding.value is not None:
            return self.judge(binding.value, module, scope, depth)
        if binding.kind == PARAMETER:
            return self._judge_parameter(name, binding, module, scope, depth)
        if binding.kind == IMPORTED:
            if binding.target in NO_NUMBERS:
                return NONE
            imported = self._find_imported(binding)
            return self._judge_name(imported[1], imported[0], imported[2], depth) if imported is not None else GIVEN
        return GIVEN

    def _judge_parameter(self, name: str, binding: Binding, module: Module, scope: Scope, depth: int) -> str:
        """Return what a parameter is when it is left out; where all who call give it something, what they give."""
        default = GIVEN if binding.value is None else self.judge(binding.value, module, scope.outer or scope, depth)
        function = scope.node
        if not isinstance(function, FUNCTIONS) or (default == GIVEN and binding.value is not None):
            return default
        calls = self.view.find_callers_of(function, module)
        if not calls or len(calls) > MOST_CALLERS:
            return default
        names = [each.arg for each in list_parameters(function)]
        is_method = scope.outer is not None and isinstance(scope.outer.node, ast.ClassDef) and names[:1] != []
        states = []
        for call in calls:
            skips = is_method and (isinstance(call.node.func, ast.Attribute) or names[0] == "self")
            state = self._read_shallow(call, name, names.index(name) - (1 if skips else 0), depth)
            states.append(default if state == ABSENT else GIVEN if state == HIDDEN else state)
        return next((state for state in (NONE, NEGATIVE, ZERO) if state in states), GIVEN)

    def _read_shallow(self, call: PyCall, keyword: str, position: int, depth: int) -> str:
        for given in call.node.keywords:
            if given.arg is None:
                return HIDDEN
            if given.arg == keyword:
                return self.judge(given.value, call.module, self.view.scope(call), depth)
        if any(isinstance(each, ast.Starred) for each in call.node.args):
            return HIDDEN
        if 0 <= position < len(call.node.args):
            return self.judge(call.node.args[position], call.module, self.view.scope(call), depth)
        return ABSENT

    def _judge_attribute(self, node: ast.Attribute, module: Module, scope: Scope, depth: int) -> str:
        text = unparse(node)
        if text in NO_NUMBERS:
            return NONE
        if not isinstance(node.value, ast.Name):
            return GIVEN
        if node.value.id in ("self", "cls"):
            holder = scope.find_class()
            if holder is None:
                return GIVEN
            states = [
                self.judge(value, module, inner, depth + 1) for value, inner in holder.attributes.get(node.attr, [])
            ]
            own = [] if states or _is_made_otherwise(holder) else holder.names.get(node.attr, [])
            states += [self._judge_binding(node.attr, each, module, holder, depth + 1) for each in own]
            return _merge(states) if states else GIVEN
        found = scope.find(node.value.id)
        for binding in found[1] if found is not None else ():
            inner = self.view.program.modules.get(binding.target) if binding.kind == IMPORTED else None
            if inner is not None:
                return self._judge_name(node.attr, inner, self.view.scopes(inner).top, depth + 1)
        return GIVEN

    def _find_imported(self, binding: Binding) -> tuple[Module, str, Scope] | None:
        base, _, name = binding.target.rpartition(".")
        module = self.view.program.modules.get(base)
        return None if module is None else (module, name, self.view.scopes(module).top)

    def _read_options(self, node: ast.expr, keyword: str, call: PyCall) -> Argument | None:
        """Return what a dictionary behind ** holds for a parameter; None where that is not known."""
        if isinstance(node, ast.Name) and self._is_never_handed(node.id, keyword, call):
            return Argument(ABSENT)
        found = self.find_value(node, call.module, self.view.scope(call))
        if found is None:
            return None
        value, scope = found
        if isinstance(value, ast.Call) and unparse(value.func) == "dict" and not value.args:
            pairs = [(given.arg, given.value) for given in value.keywords]
        elif isinstance(value, ast.Dict):
            pairs = [
                (key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None, each)
                for key, each in zip(value.keys, value.values, strict=True)
            ]
        else:
            return None
        if any(name is None for name, _ in pairs):
            return None
        if isinstance(node, ast.Name) and f"{node.id}[" in call.module.text:
            # Something is put into it later.
            return None
        for name, each in pairs:
            if name == keyword:
                return Argument(self.judge(each, call.module, scope), None)
        return Argument(ABSENT)

    def _is_never_handed(self, options: str, keyword: str, call: PyCall) -> bool:
        """Tell whether `**options` of a function holds nothing of a name, as nobody who calls it gives it."""
        function = self.view.scope(call).node
        if not isinstance(function, FUNCTIONS) or isinstance(function, ast.Lambda) or function.decorator_list:
            return False
        if function.args.kwarg is None or function.args.kwarg.arg != options:
            return False
        uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == options]
        calls = self.view.find_callers_of(function, call.module)
        if len(uses) != 1 or not calls or len(calls) > MOST_CALLERS:
            return False
        return not any(each.arg in (keyword, None) for one in calls for each in one.node.keywords)


def count_given(partial: PyCall) -> int:
    """Return how many arguments a call of functools.partial puts in front of those of each later call."""
    return len(partial.node.args) - 1


def _is_guarded(value: ast.expr, call: PyCall, view: View) -> bool:
    """Tell whether a call stands where a value is not None: in `if value is not None`, or in the other half."""
    text = unparse(value)
    inner: ast.AST = call.node
    for around in view.scopes(call.module).list_inside(call.node):
        if isinstance(around, (ast.If, ast.IfExp, ast.While)):
            test = unparse(around.test)
            body = around.body if isinstance(around.body, list) else [around.body]
            other = around.orelse if isinstance(around.orelse, list) else [around.orelse]
            if inner in body and test in (text, f"{text} is not None", f"{text} != None"):
                return True
            if inner in other and test in (f"not {text}", f"{text} is None", f"{text} == None"):
                return True
        inner = around
    return False


def _is_made_otherwise(holder: Scope) -> bool:
    """Tell whether others than its methods may give an object its values, as to a dataclass."""
    node = holder.node
    return not isinstance(node, ast.ClassDef) or bool(node.decorator_list or node.bases)


def _judge_constant(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return NONE if value == float("inf") else ZERO if value == 0 else NEGATIVE if value < 0 else GIVEN
    return ZERO if value is False else GIVEN


def _merge(states: list[str]) -> str:
    """Return what several values have in common; where they differ it is decided when the program runs."""
    return states[0] if states and all(state == states[0] for state in states) else GIVEN

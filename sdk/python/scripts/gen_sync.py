"""Writes the blocking client, `avatar_sdk/sync.py`, from the async one: the same names, arguments, defaults, types and docs.

`--check` writes nothing and ends with 1 when the file is stale. Needs Python 3.9 and nothing else. What a call of the blocking
client does beyond running its async twin is in `avatar_sdk/_blocking.py`; which one does it, in `sync_twins.py`.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from sync_twins import AFTERWARDS, CONVERTED, FIXED, HANDLERS, NOT_TAKEN_OVER, RENAMED, REWORDED, TWINS, WITHIN, Twin

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "avatar_sdk"
TARGET = PACKAGE / "sync.py"
WIDTH = 140
HEADER = '''"""The same client for programs without an event loop: calls block, handlers run in a thread of their session.

Handlers may call everything here; one session's handlers run one after the other.
"""

# Generated from the async client by scripts/gen_sync.py; changes here are lost.
'''

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class Module:
    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (PACKAGE / f"{name}.py").read_text("utf-8")
        self.tree = ast.parse(self.text)
        self.origins: Dict[str, str] = {}
        """Where each of its names comes from."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                self.origins.update({alias.name: f"{'.' * node.level}{node.module}" for alias in node.names})
            elif isinstance(node, ast.ClassDef):
                self.origins[node.name] = f".{name}"
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.origins.update({target.id: f".{name}" for target in targets if isinstance(target, ast.Name)})

    def classes(self) -> Dict[str, ast.ClassDef]:
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    def source(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ""


class Generator:
    def __init__(self) -> None:
        self._modules = {name: Module(name) for twin in TWINS for name, _ in twin.parts}
        self._names: Dict[str, str] = {}
        """What is imported, and from where."""
        self._reworded: Set[str] = set()

    def text(self) -> str:
        classes = [self._class(twin) for twin in TWINS]
        unused = [old for old, _ in REWORDED if old not in self._reworded]
        if unused:
            raise SystemExit(f"gen_sync.py: nothing says any more: {unused}")
        public = ", ".join(f'"{name}"' for name in sorted(twin.name for twin in TWINS))
        return "\n".join([HEADER, self._imports(), "", f"__all__ = [{public}]", "", "", "\n\n".join(classes)])

    # --- classes ------------------------------------------------------------------------------------------------------

    def _class(self, twin: Twin) -> str:
        module, driven = twin.parts[-1]
        base = twin.base.format(f"{module}.{driven}")
        self._import("._blocking", base.partition("[")[0])
        if base != twin.base:
            self._import(".", module)
        nodes = [(self._modules[module], self._modules[module].classes()[name]) for module, name in twin.parts]
        # the others are not made by those who read it
        without = FIXED[twin.name, "__init__"] if (twin.name, "__init__") in FIXED else ["Args"]
        docs = self._docs(nodes[-1][1], without)
        members: List[str] = []
        for module_of_it, node in nodes:
            members.extend(self._members(twin, module_of_it, node))
        return "\n".join([f"class {twin.name}({base}):", *docs, "", *members])

    def _members(self, twin: Twin, module: Module, node: ast.ClassDef) -> Iterator[str]:
        following = [*node.body[1:], None]
        for member, after in zip(node.body, following):
            if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                if not member.target.id.startswith("_"):
                    yield self._attribute(module, member, after)
            elif isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = member.name
                if name == "__init__" and twin.name == "AvatarClient":
                    yield self._client_init(module, member)
                elif name in NOT_TAKEN_OVER or (name.startswith("_") and name not in RENAMED):
                    continue
                else:
                    yield self._method(twin, module, member)

    def _attribute(self, module: Module, member: ast.AnnAssign, after: Optional[ast.stmt]) -> str:
        name = module.source(member.target)
        lines = ["    @property", f"    def {name}(self) -> {self._type(module, member.annotation)}:"]
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            lines.append(f'        """{after.value.value}"""')
        return "\n".join([*lines, f"        return self._driven.{name}", ""])

    def _client_init(self, module: Module, member: Function) -> str:
        self._import("._blocking", "Loop")
        driven = wrapped("driven = client.AvatarClient", self._arguments("AvatarClient", module, member))
        lines = [*self._signature("AvatarClient", module, member), *driven, "        super().__init__(driven, Loop())", ""]
        return "\n".join(lines)

    def _method(self, twin: Twin, module: Module, member: Function) -> str:
        key = (twin.name, member.name)
        lines = [f"    @{module.source(decorator)}" for decorator in member.decorator_list]
        self._use(module, *member.decorator_list)
        lines += self._signature(twin.name, module, member)
        if lines[0] == "    @overload":
            lines[-1] += " ..."
            return "\n".join(lines)
        lines += self._docs(member, FIXED.get(key, {}))
        body = self._body(twin, module, member)
        if key in WITHIN:
            body = [f"        with {WITHIN[key]}:", *(f"    {line}" for line in body)]
        if key in AFTERWARDS:
            body.append(f"        {AFTERWARDS[key]}")
        return "\n".join([*lines, *body, ""])

    def _body(self, twin: Twin, module: Module, member: Function) -> List[str]:
        name = member.name
        driven = f"self._driven.{name}"
        if name == "__aenter__":
            return [f"        self._loop.run({driven}())", "        return self"]
        if name == "__aexit__":
            return [f"        self._loop.run({driven}(*_))"]
        if name == "__aiter__":
            return [f"        return self._loop.iterate(self._loop.call({driven}))"]
        if any(module.source(decorator) == "property" for decorator in member.decorator_list):
            return [f"        return {driven}"]
        result = self._result(twin.name, module, member)
        if name in HANDLERS:
            call = f"{HANDLERS[name]}({', '.join([driven, *self._arguments(twin.name, module, member)])})"
            return [f"        {call}" if result == "None" else f"        return {call}"]
        arguments = self._arguments(twin.name, module, member)
        if isinstance(member, ast.AsyncFunctionDef):
            whole = f"self._loop.run({driven}({', '.join(arguments)}))"
            in_two, done = wrapped(f"work = {driven}", arguments), "self._loop.run(work)"
        else:
            whole = f"self._loop.call({', '.join([driven, *arguments])})"
            in_two, done = wrapped("result = self._loop.call", [driven, *arguments]), "result"

        def given(value: str) -> str:
            if result == "None":
                return f"        {value}"
            twins = [other.name for other in TWINS]
            return f"        return {result}({value}, self._loop)" if result in twins else f"        return {value}"

        return [given(whole)] if len(given(whole)) <= WIDTH else [*in_two, given(done)]

    # --- signatures ---------------------------------------------------------------------------------------------------

    def _signature(self, owner: str, module: Module, member: Function) -> List[str]:
        fixed = FIXED.get((owner, member.name), {})
        arguments = member.args
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults: List[Optional[ast.expr]] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
        given = [self._parameter(module, *pair) for pair in zip(plain[1:], defaults[1:]) if pair[0].arg not in fixed]
        named = [self._parameter(module, *pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults) if pair[0].arg not in fixed]
        if arguments.vararg is not None:
            given.append(f"*{self._parameter(module, arguments.vararg, None)}")
        elif named:
            given.append("*")
        name = RENAMED.get(member.name, member.name)
        start, end = f"    def {name}(", f") -> {self._result(owner, module, member)}:"
        parameters = ["self", *given, *named]
        line = f"{start}{', '.join(parameters)}{end}"
        # an overload's body goes on the same line
        if len(line) + 4 <= WIDTH:
            return [line]
        return [start, *(f"        {parameter}," for parameter in parameters), f"    {end}"]

    def _parameter(self, module: Module, argument: ast.arg, default: Optional[ast.expr]) -> str:
        if argument.annotation is None:
            return argument.arg
        text = f"{argument.arg}: {self._type(module, argument.annotation)}"
        if default is None:
            return text
        self._use(module, default)
        return f"{text} = {module.source(default)}"

    def _result(self, owner: str, module: Module, member: Function) -> str:
        if member.name == "__aenter__":
            return f'"{owner}"'
        if member.name != "__aiter__":
            return self._type(module, member.returns)
        # its items' type: said there, or by what gives them
        following = [node for node in ast.walk(module.tree) if getattr(node, "name", "") == "__anext__"]
        of_items = following[0] if following else member
        assert isinstance(of_items, (ast.FunctionDef, ast.AsyncFunctionDef))
        self._import("typing", "Iterator")
        items = self._type(module, of_items.returns)
        return "Iterator" + (items[len("AsyncIterator") :] if items.startswith("AsyncIterator") else f"[{items}]")

    def _type(self, module: Module, annotation: Optional[ast.expr]) -> str:
        assert annotation is not None
        self._use(module, annotation)
        return module.source(annotation)

    def _arguments(self, owner: str, module: Module, member: Function) -> List[str]:
        """The same arguments, given on."""
        fixed = FIXED.get((owner, member.name), {})

        def value(argument: ast.arg) -> Optional[str]:
            if argument.arg in fixed:
                return fixed[argument.arg]
            kind = "" if argument.annotation is None else module.source(argument.annotation)
            return CONVERTED[kind].format(argument.arg) if kind in CONVERTED else argument.arg

        given = [value(argument) for argument in member.args.args[1:]]
        named = [(argument.arg, value(argument)) for argument in member.args.kwonlyargs]
        texts = [text for text in given if text is not None]
        return [*texts, *(f"{name}={text}" for name, text in named if text is not None)]

    # --- docs and imports ---------------------------------------------------------------------------------------------

    def _docs(self, node: Union[Function, ast.ClassDef], without: Iterable[str]) -> List[str]:
        """
        Args:
            without: arguments that are left out; `Args`: all of them.
        """
        text = ast.get_docstring(node, clean=False)
        if text is None:
            return []
        for old, new in REWORDED:
            if old in text:
                self._reworded.add(old)
                text = text.replace(old, new)
        indent = "    " if isinstance(node, ast.ClassDef) else "        "
        for name in without:
            # with the lines below it, which are indented further
            text = re.sub(rf"\n( +){name}:.*(\n\1 .*)*", "", text)
        text = re.sub(r"\n\n +Args:\s*$", f"\n{indent}", text).rstrip()
        return [f'{indent}"""{text}' + (f'\n{indent}"""' if "\n" in text else '"""')]

    def _use(self, module: Module, *nodes: ast.AST) -> None:
        for node in nodes:
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
                    continue  # a literal, or a class of this file
                if isinstance(part, ast.Name) and part.id in module.origins:
                    if part.id not in [*(twin.name for twin in TWINS), "AsyncIterator"]:
                        self._import(module.origins[part.id], part.id)

    def _import(self, origin: str, name: str) -> None:
        self._names[name] = origin

    def _imports(self) -> str:
        lines: List[str] = []
        origins = set(self._names.values())
        for origin in [*sorted(o for o in origins if o[0] != "."), *sorted(o for o in origins if o[0] == ".")]:
            names = sorted((name for name, its in self._names.items() if its == origin), key=import_order)
            line = f"from {origin} import {', '.join(names)}"
            if origin.startswith(".") and lines and not lines[-1].startswith("from ."):
                lines.append("")
            if len(line) <= WIDTH:
                lines.append(line)
            else:
                lines.append("\n".join([f"from {origin} import (", *(f"    {name}," for name in names), ")"]))
        return "\n".join(lines)


def import_order(name: str) -> Tuple[int, str]:
    """Constants, classes, functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name.lstrip("_")[0].isupper() else 2, name.lower())


def wrapped(head: str, arguments: Sequence[str]) -> List[str]:
    """A call on one line, or with its arguments on the next, or with a line for each."""
    line = f"        {head}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    inner = f"            {', '.join(arguments)}"
    if len(inner) <= WIDTH:
        return [f"        {head}(", inner, "        )"]
    return [f"        {head}(", *(f"            {argument}," for argument in arguments), "        )"]


def main() -> None:
    text = Generator().text()
    if "--check" not in sys.argv:
        TARGET.write_text(text, "utf-8")
    elif not TARGET.exists() or TARGET.read_text("utf-8") != text:
        raise SystemExit('src/avatar_sdk/sync.py is not what the async client says: run "npm run gen"')


if __name__ == "__main__":
    main()

"""Reading a policy file, and finding the line of what is wrong in it.

The file is YAML 1.2's core, in which `no` is a word and 2026-12-31 a text. What a policy may say
is the service's to check; it names the place of a fault, and here is known on which line that is.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cleantrace.client.errors import ApiError, CleantraceError
from cleantrace.client.models import FieldProblem

_MOST_BYTES = 1_000_000
_WIDEST = 100
_WHOLE = 1e15
_LONGEST_INTEGER = 20
_PLAIN = re.compile(r"[A-Za-z][\w @./*?-]*")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
Place = Sequence[str | int]


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong with a policy file, and where."""

    line: int | None
    column: int | None
    key: str
    """Such as `rules.1.at_most`; empty where the file is no YAML."""
    message: str

    def __str__(self) -> str:
        place = "".join(f":{part}" for part in (self.line, self.column) if part is not None)
        return f"{place}: {f'{self.key}: ' if self.key else ''}{self.message}"


class PolicyFileInvalid(CleantraceError):
    """A policy file that is not one; the message has a line for each fault."""

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(f"{path}{fault}" for fault in faults))
        self.faults = list(faults)


@dataclass(frozen=True)
class PolicyFile:
    """A policy as JSON values, and the lines it came from."""

    path: Path
    policy: dict[str, Any]
    root: yaml.Node

    def line_of(self, place: Place) -> int:
        """Of a key or an item, from 1; of what is around it where it is not there."""
        node, line = self.root, self.root.start_mark.line
        for part in place:
            found = _part(node, str(part))
            if found is not None:
                node, line = found
        return line + 1

    def rule_lines(self) -> dict[str, int]:
        """The line of each rule, by the name that it has in results."""
        return {
            str(rule.get("id") or rule.get("rule")): self.line_of(("rules", index))
            for index, rule in enumerate(self.policy.get("rules") or [])
            if isinstance(rule, Mapping)
        }

    def refused(self, error: ApiError) -> PolicyFileInvalid | None:
        """What the service found wrong with it, by line; None if that was something else."""
        told = [
            (tuple(each.field.split(".")[1:]), _message(each))
            for each in error.errors
            if each.field.split(".")[0] == "policy"
        ]
        return PolicyFileInvalid(self.path, self.faults(told)) if told else None

    def faults(self, told: Iterable[tuple[Place, str]]) -> list[Fault]:
        """What is wrong at places of the policy, by line."""
        return sorted(
            Fault(self.line_of(place), None, ".".join(self._named(place)) or "policy", message)
            for place, message in told
        )

    def _named(self, place: Place) -> list[str]:
        """Without the kind of rule that the service puts between a rule and its members."""
        names, node = [], self.root
        for part in place:
            found = _part(node, str(part))
            if found is not None:
                node, _ = found
            elif isinstance(node, yaml.MappingNode) and _kind(node) == part:
                continue
            names.append(str(part))
        return names


def read_policy(path: Path) -> PolicyFile:
    """Raises PolicyFileInvalid: it cannot be read, or is no YAML; says on which line."""
    try:
        return parse_policy(path.read_bytes(), path)
    except OSError as error:
        raise _invalid(path, error.strerror or str(error)) from error


def parse_policy(data: bytes, path: Path) -> PolicyFile:
    """A policy file's content; `path` is what messages call it. Raises PolicyFileInvalid."""
    if len(data) > _MOST_BYTES:
        raise _invalid(path, f"a policy has at most {_MOST_BYTES:,} bytes")
    try:
        root = yaml.compose(data.decode("utf-8-sig"), Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise _invalid(path, "a policy is a mapping: name: …, rules: …", 1)
        return PolicyFile(path, _value(root), root)
    except UnicodeDecodeError as error:
        raise _invalid(path, "it is not UTF-8") from error
    except RecursionError as error:
        raise _invalid(path, "too many lists and mappings in one another") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        begun = error.context_mark
        where = f", {error.context} that begins on line {begun.line + 1}" if begun else ""
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise _invalid(path, f"{error.problem}{where}", line, column) from error
    except yaml.YAMLError as error:
        raise _invalid(path, str(error)) from error


def _invalid(
    path: Path, message: str, line: int | None = None, column: int | None = None
) -> PolicyFileInvalid:
    return PolicyFileInvalid(path, [Fault(line, column, "", message)])


def write_policy(policy: Mapping[str, Any]) -> str:
    """A policy as YAML that reads as the same."""
    return yaml.dump(
        dict(policy), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDEST
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def _plain_or_quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # What is a number here need not be one for the dumper: 1e5.
    style = None if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _short(dumper: yaml.SafeDumper, number: float) -> yaml.Node:
    """14 rather than 14.0."""
    is_whole = abs(number) < _WHOLE and number == int(number)
    return dumper.represent_data(int(number)) if is_whole else dumper.represent_float(number)


_Dumper.add_representer(str, _plain_or_quoted)
_Dumper.add_representer(float, _short)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few of them can stand for billions of values.
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not used here", problem_mark=mark)
        return super().compose_node(parent, index)


def _message(error: FieldProblem) -> str:
    remedy = f" {error.remedy}" if error.remedy and error.message not in error.remedy else ""
    return f"{error.message}.{remedy}"


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    assert isinstance(node, yaml.ScalarNode)
    if node.style in ("'", '"', "|", ">"):
        return node.value
    text: str = node.value
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) < _LONGEST_INTEGER:
        return int(text)
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return number if math.isfinite(number) else text  # JSON has no other


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key is a word", problem_mark=key.start_mark)
        if key.value in found:
            problem = f"a second {key.value!r}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        found[key.value] = _value(value)
    return found


def _part(node: yaml.Node, name: str) -> tuple[yaml.Node, int] | None:
    """A member or an item, and its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        item = node.value[int(name)]
        return item, item.start_mark.line
    return None


def _kind(node: yaml.MappingNode) -> str | None:
    found = _part(node, "rule")
    return None if found is None else str(found[0].value)

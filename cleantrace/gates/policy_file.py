"""Reading a policy file, and finding the line of what is wrong in it.

The file is YAML 1.2's core, in which `no` is a word and 2026-12-31 a text. What a policy may say
is the service's to check; it names the place of a fault, and here is known on which line that is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cleantrace.client.errors import ApiError, CleantraceError

_MOST_BYTES = 1_000_000
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
Place = Sequence[str | int]


class PolicyFileInvalid(CleantraceError):
    """A policy file that is not one; the message has a line for each fault."""


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
        faults = []
        for each in error.errors:
            first, *place = each.field.split(".")
            if first == "policy":
                line = self.line_of(place)
                name = ".".join(self._named(place)) or "policy"
                remedy = (
                    f" {each.remedy}" if each.remedy and each.message not in each.remedy else ""
                )
                faults.append((line, f"{self.path}:{line}: {name}: {each.message}.{remedy}"))
        if not faults:
            return None
        return PolicyFileInvalid("\n".join(text for _, text in sorted(faults)))

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
        data = path.read_bytes()
    except OSError as error:
        raise PolicyFileInvalid(f"{path}: {error.strerror or error}") from error
    if len(data) > _MOST_BYTES:
        raise PolicyFileInvalid(f"{path}: a policy has at most {_MOST_BYTES:,} bytes")
    try:
        root = yaml.compose(data.decode("utf-8-sig"), Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise PolicyFileInvalid(f"{path}:1: a policy is a mapping: name: …, rules: …")
        return PolicyFile(path, _value(root), root)
    except UnicodeDecodeError as error:
        raise PolicyFileInvalid(f"{path}: it is not UTF-8") from error
    except RecursionError as error:
        raise PolicyFileInvalid(f"{path}: too many lists and mappings in one another") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        begun = error.context_mark
        where = f", {error.context} that begins on line {begun.line + 1}" if begun else ""
        raise PolicyFileInvalid(f"{path}{line}: {error.problem}{where}") from error
    except yaml.YAMLError as error:
        raise PolicyFileInvalid(f"{path}: {error}") from error


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few of them can stand for billions of values.
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not used here", problem_mark=mark)
        return super().compose_node(parent, index)


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
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    return float(text) if _FLOAT.fullmatch(text) else text


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

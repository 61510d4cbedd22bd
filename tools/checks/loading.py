"""Users' files are read, never run."""

import ast
from collections.abc import Iterator

from tools.checks.source import SourceFile, dotted_name

_PICKLES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
# torch.load raises these when it refuses a file.
_HARMLESS = {"pickle.PickleError", "pickle.UnpicklingError"}
_DANGEROUS_KEYWORDS = {"allow_pickle", "trust_remote_code"}

# Tests must make the hostile files that the readers have to refuse.
_MAKES_HOSTILE_FILES = "tests"


class SafeLoading:
    """No pickle, no `torch.load` but with weights_only=True, no code from users' files."""

    name = "safe-loading"

    def applies(self, file: SourceFile) -> bool:
        return file.is_python and file.room != _MAKES_HOSTILE_FILES

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        for node in file.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    # `import pickle` is judged by what is taken from it, below.
                    if alias.name != "pickle" or alias.asname:
                        yield from self._module(node.lineno, alias.name)
            elif isinstance(node, ast.Attribute) and dotted_name(node).startswith("pickle."):
                if dotted_name(node) not in _HARMLESS:
                    yield from self._module(node.lineno, dotted_name(node))
            elif isinstance(node, ast.ImportFrom):
                yield from self._from(node)
            elif isinstance(node, ast.Call):
                yield from self._call(node)

    def _module(self, line: int, name: str) -> Iterator[tuple[int, str]]:
        if name.partition(".")[0] in _PICKLES:
            yield line, f"{name} runs code from the files it reads"

    def _from(self, node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
        module = node.module or ""
        if any(f"{module}.{alias.name}" not in _HARMLESS for alias in node.names):
            yield from self._module(node.lineno, module)
        if module == "torch" and any(alias.name == "load" for alias in node.names):
            yield node.lineno, "write torch.load, so that its weights_only can be seen"
        if module in {"torch.export", "torch.jit"} and any(a.name == "load" for a in node.names):
            yield node.lineno, f"{module}.load runs code from the files it reads"

    def _call(self, node: ast.Call) -> Iterator[tuple[int, str]]:
        name = dotted_name(node.func)
        if name in {"torch.export.load", "torch.jit.load"}:
            yield node.lineno, f"{name} runs code from the files it reads"
        if name == "torch.load" and not _is_true(_keyword(node, "weights_only")):
            yield node.lineno, "torch.load needs weights_only=True"
        for keyword in node.keywords:
            safe = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg in _DANGEROUS_KEYWORDS and not safe:
                yield node.lineno, f"{keyword.arg} may only be False"


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True

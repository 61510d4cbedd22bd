"""The command line as an operator's terminal runs it."""

from pathlib import Path

from typer.testing import CliRunner, Result

from cleantrace.cli import app


class Shell:
    """Runs commands with the environment of an operator's terminal."""

    def __init__(self, url: str, key: str) -> None:
        self.env = {
            "CLEANTRACE_URL": url,
            "CLEANTRACE_API_KEY": key,
            "CLEANTRACE_PROJECT": "lab",
            "COLUMNS": "200",
        }

    def __call__(self, *arguments: str | Path, status: int = 0, **env: str | None) -> Result:
        command = [str(each) for each in arguments]
        result = CliRunner().invoke(app, command, env={**self.env, **env})
        assert result.exit_code == status, result.output + repr(result.exception)
        return result

    def word(self, *arguments: str | Path) -> str:
        """The one word a command prints on standard output."""
        (word,) = self(*arguments).stdout.split()
        return word

"""Commands whose modules are loaded when they are called, so that `--help` answers at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import getdoc
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives: an attribute (function or `Typer`) of a module, and its short help."""

    module: str
    attribute: str
    help: str

    def load(self, name: str) -> Any:
        """The real command."""
        found = getattr(import_module(self.module), self.attribute)
        host = typer.Typer(add_completion=False, rich_markup_mode="rich")
        host.callback()(_nothing)
        if isinstance(found, typer.Typer):
            _lay_out(found)
            host.add_typer(found, name=name, help=help_text(_callback(found)))
        else:
            host.command(name, help=help_text(found))(found)
        return get_group(host).commands[name]


def _lay_out(app: typer.Typer) -> None:
    for command in app.registered_commands:
        command.help = help_text(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _lay_out(group.typer_instance)


def _nothing() -> None:
    """A group needs a callback to stay a group when it has one command."""


def _callback(app: typer.Typer) -> Any:
    return app.registered_callback.callback if app.registered_callback else None


def help_text(function: Any) -> str | None:
    """A docstring as help: prose flows with the terminal's width, indented lines stay lines."""
    paragraphs: list[str] = []
    for paragraph in (getdoc(function) or "").split("\n\n"):
        if paragraph.startswith("  ") and paragraphs:
            paragraphs[-1] = f"\b\n{paragraphs[-1]}\n{paragraph}"
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs) or None


def lazy_group(lazy: Mapping[str, LazyCommand]) -> type[TyperGroup]:
    """A group class with `lazy` commands beside those that are registered as usual."""

    class Group(TyperGroup):
        _listing = False

        def list_commands(self, ctx: Any) -> list[str]:
            return [*lazy, *(name for name in super().list_commands(ctx) if name not in lazy)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name in lazy and self._listing:
                return TyperCommand(name=cmd_name, help=lazy[cmd_name].help)
            if cmd_name in lazy and cmd_name not in self.commands:
                self.commands[cmd_name] = lazy[cmd_name].load(cmd_name)
            return super().get_command(ctx, cmd_name)

        @contextmanager
        def _only_listed(self) -> Iterator[None]:
            self._listing = True
            try:
                yield
            finally:
                self._listing = False

        def format_help(self, ctx: Any, formatter: Any) -> None:
            with self._only_listed():
                super().format_help(ctx, formatter)

        def shell_complete(self, ctx: Any, incomplete: str) -> Any:
            with self._only_listed():
                return super().shell_complete(ctx, incomplete)

    return Group

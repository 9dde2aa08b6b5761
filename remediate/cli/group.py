"""The group of commands: every word that is no command is an error to repair."""

from __future__ import annotations

import click

_OWN = ("-h", "--help", "--version")


class CodeGroup(click.Group):
    """A group whose every unknown word, and every option that is not its own, belongs to the command ``repair``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a call that begins with an option as a repair of what fails."""
        if args and args[0].startswith("-") and args[0] not in _OWN:
            args = ["repair", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take the first word as a command when there is one of that name, else as an error."""
        if args and self.get_command(ctx, args[0]) is None:
            return "repair", self.get_command(ctx, "repair"), args
        return super().resolve_command(ctx, args)

    def format_usage(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the forms of the call."""
        formatter.write_usage("remediate", "[CODE] --vm NAME [OPTIONS]")
        formatter.write_usage("remediate", "COMMAND [OPTIONS]")

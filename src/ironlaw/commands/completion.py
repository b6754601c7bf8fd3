"""ironlaw completion: shell completion of ironlaw's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_IRONLAW_COMPLETE"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print what makes SHELL complete ironlaw's commands and options.

    \b
    bash: ironlaw completion bash >> ~/.bashrc
    zsh:  ironlaw completion zsh >> ~/.zshrc
    fish: ironlaw completion fish > ~/.config/fish/completions/ironlaw.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "ironlaw", VARIABLE).source())
    return 0

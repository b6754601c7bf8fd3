"""The colours of pages and notebooks: a light and a dark set, chosen by the reader's system or the notebook."""

from __future__ import annotations

from importlib import resources

# What the surroundings of a notebook's output say of their own theme: JupyterLab and nbconvert, Colab, VS Code.
_IS_DARK = ('[data-jp-theme-light="false"]', "html[theme=dark]", "body.vscode-dark")
_SAYS_NOTHING = "html:not([theme]) body:not([data-jp-theme-light], [data-vscode-theme-kind])"


def page_palette() -> str:
    """The style of a page of its own: light or dark as the reader's system asks for, light in print."""
    return (
        f":root {{ color-scheme: light dark; {_colours('light')} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_colours('dark')} }} }}\n"
    )


def notebook_palette(scope: str) -> str:
    """The style of what the selector `scope` matches in a notebook: its theme if stated, else the reader's system's."""
    dark = f"color-scheme: dark; {_colours('dark')}"
    return (
        f"{scope} {{ color-scheme: light; {_colours('light')} }}\n"
        f"{', '.join(f'{around} {scope}' for around in _IS_DARK)} {{ {dark} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {_SAYS_NOTHING} {scope} {{ {dark} }} }}\n"
    )


def _colours(name: str) -> str:
    text = resources.files("ironlaw.report").joinpath("page", f"{name}.css").read_text(encoding="utf-8")
    return " ".join(text.split())

"""python -m ironlaw: the command line."""

import os
import sys


def leave_current_folder() -> None:
    """Let nothing be imported from the current folder, which `python -m` searches first; a module of any name may lie
    there. The folder that ironlaw itself comes from stays.
    """
    here = os.getcwd()
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and here != own and sys.path and sys.path[0] in ("", here):
        del sys.path[0]


leave_current_folder()

from ironlaw.cli import main  # noqa: E402  # only what is searched from here on may be imported

if __name__ == "__main__":
    main()

"""python -m ironlaw: the command line."""

import os
import sys


def leave_current_folder() -> None:
    """Remove the current folder, which `python -m` puts first, from the search path: a module of any name may lie
    there. The folder that ironlaw is imported from stays.
    """
    here = os.getcwd()
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and here != own and sys.path and sys.path[0] in ("", here):
        del sys.path[0]


leave_current_folder()

from ironlaw.cli import main  # noqa: E402  # only what is searched from here on may be imported

if __name__ == "__main__":
    main()

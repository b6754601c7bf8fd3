"""python -m ironlaw: the command line."""

from ironlaw.cli import main

if __name__ == "__main__":
    main()

"""`python -m kextrel.cli`: the same command, where no script is on the PATH."""

from kextrel.cli import main

if __name__ == "__main__":
    main()

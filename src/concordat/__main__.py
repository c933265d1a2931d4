"""``python -m concordat``."""

from concordat.cli.main import main

if __name__ == "__main__":
    main()

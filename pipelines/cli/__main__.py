"""`python -m pipelines.cli`, where the command is not installed."""

from pipelines.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m abaco_jupyter.cli`."""

from abaco_jupyter.cli import main

if __name__ == "__main__":
    main()

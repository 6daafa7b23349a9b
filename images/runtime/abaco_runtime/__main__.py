"""`python -m abaco_runtime`: run the actor's code on one message, then exit."""

import sys

from abaco_runtime.agent import main

if __name__ == "__main__":
    sys.exit(main())

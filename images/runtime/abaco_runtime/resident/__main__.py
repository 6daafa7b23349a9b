"""`python -m abaco_runtime.resident <isolation> <magic>`"""

import sys

from abaco_runtime.resident.supervisor import main

if __name__ == "__main__":
    main(*sys.argv[1:])

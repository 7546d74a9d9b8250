"""`python -m jobmojito_batch`."""

import sys

from jobmojito_batch.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Files that reading keeps in the run's folder, which go with it."""

import os
import tempfile
from pathlib import Path


def scratch_file(scratch: Path, suffix: str) -> Path:
    """A new empty file of mode 600 in *scratch*, whose name no other there has."""
    descriptor, name = tempfile.mkstemp(dir=scratch, suffix=suffix)
    os.close(descriptor)
    return Path(name)

"""`python -m tests.e2e.micro [FOLDER]` builds the micro guest; without a cache this needs the package archive."""

import sys
from pathlib import Path

from tests.e2e.micro.build import CACHE, build

print(build(Path(sys.argv[1]) if sys.argv[1:] else CACHE))

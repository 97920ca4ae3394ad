"""`python -m tests.e2e.micro [FOLDER]` builds the micro guests; without a cache this needs the package archive."""

import sys
from pathlib import Path

from tests.e2e.micro import FLAVOURS, build
from tests.e2e.micro.build import CACHE

for flavour in FLAVOURS:
    print(build(flavour, Path(sys.argv[1]) if sys.argv[1:] else CACHE))

"""The image parsers against inputs that coverage guides.

LABCTL_FUZZ_S and LABCTL_FUZZ_SEED make it longer or repeat it.
"""

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
SECONDS = int(os.environ.get("LABCTL_FUZZ_S", "8"))


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="needs qemu-img")
def test_the_parsers_accept_or_refuse_whatever_comes(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    seed = int(os.environ.get("LABCTL_FUZZ_SEED", secrets.randbelow(1 << 31) + 1))
    print(f"LABCTL_FUZZ_SEED={seed}")
    argv = [
        sys.executable,
        "-m",
        "tests.fuzz.fuzz_images",
        tmp_path,
        f"-seed={seed}",
        f"-max_total_time={SECONDS}",
    ]
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "Done" in done.stderr

"""`python -m tests.e2e.built`: build what test_build.py boots; the private libvirtd reaches no package archive."""

import sys

from labctl.host.builds import apt, build
from labctl.host.builds.image_build import File, ImageBuild

WANTED = ImageBuild(
    distribution="debian",
    suite="bookworm",
    packages=("lsof",),
    size=3 << 30,
    files=(File("/etc/lab/purpose", content="to be tested\n", mode=0o640),),
    run=("lsof -v 2>&1 | grep revision >/etc/lab/log", 'id -un >>/etc/lab/log; echo "$HOME" >>/etc/lab/log'),
    bootable=True,
)


def built() -> build.BuiltImage:
    """What the cache has, built where it has nothing yet."""
    return build.build(build.custom_recipe(WANTED, "x86_64"), lambda text: print(text, file=sys.stderr))


if __name__ == "__main__":
    before = apt.LISTS.stat().st_mtime_ns
    print(built().folder)
    assert apt.LISTS.stat().st_mtime_ns == before, "the build changed the host's own apt lists"

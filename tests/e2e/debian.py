"""`python -m tests.e2e.debian`: fill the cache; the private libvirtd reaches no package archive."""

import sys

from labctl.host.builds import build


def built(arch: str = "x86_64") -> build.BuiltImage:
    """What the cache has, built where it has nothing yet."""
    return build.build(build.catalogue_recipe("debian-12", arch), lambda text: print(text, file=sys.stderr))


if __name__ == "__main__":
    print(built().folder)

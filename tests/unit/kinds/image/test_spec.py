"""What a spec tells of an image."""

import pytest

from labctl.host.builds.image_build import ImageBuild
from labctl.kinds.image.spec import ImageSpec

KEY = f"sha256-{'ab' * 32}"


@pytest.mark.parametrize(
    ("more", "private"),
    [
        ({"source": "url"}, False),
        ({"source": "build"}, False),
        ({"source": "build", "wanted": ImageBuild("debian", "bookworm")}, True),
        ({"source": "path"}, True),
    ],
)
def test_what_may_have_files_of_this_machine_is_private(more, private):
    assert ImageSpec("a", KEY, **more).private is private


def test_a_kernel_is_in_the_pool_of_its_lab():
    assert ImageSpec("a", KEY, blob=True, lab="shop").pool == "labctl-shop"
    assert ImageSpec("a", KEY).pool == "labctl-images"
    assert ImageSpec("a", KEY).needs() == ()

"""Pools whose folders others take away."""

import libvirt

from labctl.host.libvirt import pools


class Pool:
    """A pool of libvirt's: where the folder is gone, a refresh fails and stops it."""

    def __init__(self, folder):
        self.folder = folder
        self.active = True

    def name(self):
        return "labctl-shop"

    def isActive(self):  # noqa: N802 - libvirt's
        return int(self.active)

    def refresh(self):
        if not self.folder.exists():
            self.active = False
            raise libvirt.libvirtError(f"cannot open directory '{self.folder}': No such file or directory")

    def build(self):
        self.folder.mkdir()

    def create(self):
        self.active = True

    def setAutostart(self, _on):  # noqa: N802 - libvirt's
        pass


def test_a_pool_whose_folder_someone_removed_goes_on_with_a_new_one(tmp_path):
    pool = Pool(tmp_path / "shop")
    pools.renewed(pool, str(pool.folder))
    assert (pool.active, pool.folder.is_dir()) == (True, True)

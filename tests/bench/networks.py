"""The bare side of a lab of many networks: what a short script does through libvirt-python, as a process of its own."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import libvirt

from labctl.host.libvirt.connection import CALLS_IN_FLIGHT

NETWORK = """\
<network><name>bare.n{number}</name><bridge name='bare-{number}' stp='off' delay='0'/>
<domain name='bare.lab' localOnly='yes'/>
<dns><host ip='{net}.2'><hostname>v{number}</hostname></host></dns>
<ip address='{net}.1' prefix='24'>
<dhcp><host mac='{mac}' name='v{number}' ip='{net}.2'/></dhcp></ip></network>"""
DOMAIN = """\
<domain type='qemu'><name>bare.v{number}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os>
<devices><interface type='network'><mac address='{mac}'/><source network='bare.n{number}'/>
<model type='virtio'/></interface></devices></domain>"""


def main(count: int) -> None:
    """Print the seconds until all are made, and those until all are gone."""
    virt = libvirt.open("qemu:///system")

    def make(number: int) -> None:
        high, low = divmod(number, 250)
        values = {
            "number": number,
            "net": f"10.{78 + high}.{low}",
            "mac": f"52:54:00:bb:{high:02x}:{low:02x}",
        }
        virt.networkDefineXML(NETWORK.format(**values)).create()
        virt.defineXML(DOMAIN.format(**values))

    def end(number: int) -> None:
        virt.lookupByName(f"bare.v{number}").undefine()
        network = virt.networkLookupByName(f"bare.n{number}")
        network.destroy()
        network.undefine()

    for work in (make, end):
        began = time.perf_counter()
        with ThreadPoolExecutor(CALLS_IN_FLIGHT) as threads:
            list(threads.map(work, range(count)))
        print(time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The machine types of hosts and domains."""

from labctl.kinds.snapshot import machines

CAPABILITIES = """<capabilities><guest><os_type>hvm</os_type><arch name='x86_64'>
<machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine><machine maxCpus='255'>pc-i440fx-7.2</machine>
<domain type='qemu'/><domain type='kvm'><machine>pc-q35-7.2</machine></domain></arch></guest></capabilities>"""


def test_a_host_has_these():
    assert machines.known(CAPABILITIES) == {"x86_64": {"pc", "pc-i440fx-7.2", "pc-q35-7.2"}}


def test_a_domain_has_one():
    text = "<domain><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os></domain>"
    assert machines.of_domain(text) == ("x86_64", "pc-q35-7.2")
    assert machines.of_domain("<domain/>") == ("", "")

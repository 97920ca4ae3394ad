"""The names of one address in a network's DNS: https://libvirt.org/formatnetwork.html#network-services."""

from __future__ import annotations

from labctl.core.xmlfields import Declaration, Property, Strings
from labctl.core.xmlforms import ADDRESS
from labctl.kinds.network.spec import DnsHost

# virNetworkUpdate takes this element too
DNS_HOST = Declaration("dns/host", DnsHost, Property("ip", "@ip", ADDRESS), Strings("names", "hostname"))

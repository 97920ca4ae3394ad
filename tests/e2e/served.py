"""A web server in a guest, which says the guest's name."""

import http.client

SERVER = "mkdir -p /srv/w && hostname >/srv/w/name && httpd -p 80 -h /srv/w"


def get(place):
    """What the guest behind an address of the host says its name is."""
    connection = http.client.HTTPConnection(place, timeout=30)
    connection.request("GET", "/name")
    with connection.getresponse() as answer:
        return answer.read().decode().strip()

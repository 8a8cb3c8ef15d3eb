"""The shipped firewall rules, in a network namespace: limits of connections per peer address."""

import json
import sys
from pathlib import Path

from tests.support import programs

RULES = Path(__file__).parents[2] / "deploy/envoy/nftables.conf"
PORT = 50051

# Opens connections from one address, some of which it closes at once, and then one from another address.
CONNECT = """
import json, socket, sys
server = socket.create_server(("", {port}), backlog=4096)
def connected(source):
    client = socket.socket()
    client.settimeout(0.2)
    client.bind((source, 0))
    try:
        client.connect(("127.0.0.1", {port}))
    except OSError:
        return None
    return client
first = [connected("127.0.0.2") for _ in range(70)]
print(json.dumps([sum(each is not None for each in first), connected("127.0.0.3") is not None]))
"""


def test_connections_of_one_address_are_limited_and_others_connect() -> None:
    programs.require_firewall()
    script = f"ip link set lo up && nft -f {RULES} && exec {sys.executable} -c '{CONNECT.format(port=PORT)}'"
    made, other = json.loads(programs.run("unshare", "--net", "sh", "-c", script))
    assert 50 <= made < 70
    assert other


def test_rules_replace_those_of_an_earlier_run() -> None:
    programs.require_firewall()
    listed = programs.run("unshare", "--net", "sh", "-c", f"nft -f {RULES} && nft -f {RULES} && nft list tables")
    assert listed.decode().split() == ["table", "inet", "keyway"]

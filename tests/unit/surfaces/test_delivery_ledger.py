"""The ledger of deliveries: what it keeps of nodes that have disconnected."""

from collections import Counter

from gateway.deliveries.ledger import DeliveryKey, DeliveryLedger


def deliver(ledger: DeliveryLedger, caller: str, node: str) -> None:
    """Deliver a secret to a node that then disconnects."""
    key = DeliveryKey(caller, node, "secret")
    ledger.open(key, "providers/p/certificates/c", "192.0.2.1:1").accepted = "1"
    ledger.close(key)


def test_caller_that_changes_its_node_id_displaces_only_its_own_deliveries() -> None:
    ledger = DeliveryLedger(shared=True, maximum_disconnected=10)
    for number in range(3):
        deliver(ledger, "spiffe://example.org/edge", f"edge-{number}")
    for number in range(100):
        deliver(ledger, "spiffe://example.org/other", f"other-{number}")
    found = Counter(key.caller.rpartition("/")[2] for key in ledger.entries)
    assert found == {"edge": 3, "other": 7}
    assert {key.node for key in ledger.entries if key.node.startswith("other")} == {
        f"other-{n}" for n in range(93, 100)
    }
    assert ledger.collect()[DeliveryKey("spiffe://example.org/other", "other-0", "secret")] is None


def test_node_that_connects_again_is_kept() -> None:
    ledger = DeliveryLedger(maximum_disconnected=2)
    deliver(ledger, "a", "1")
    again = DeliveryKey("a", "1", "secret")
    ledger.open(again, "providers/p/certificates/c", "192.0.2.1:2")
    for node in ("2", "3", "4"):
        deliver(ledger, "a", node)
    assert [key.node for key in ledger.entries] == ["1", "3", "4"]
    ledger.close(again)
    assert [key.node for key in ledger.entries] == ["1", "4"]

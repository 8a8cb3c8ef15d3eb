"""The output of a load generator is accepted only if it is consistent."""

import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from tests.bench import generators
from tests.bench.generators import LoadError
from tests.bench.target import Target

TARGET = Target(1, "/keyway.v1.KeyService/Encrypt", b"request", grpc=True, answer=b"0123456789")
OUTPUT = """
finished in 2.00s, 500.00 req/s, 30.00KB/s
requests: 1002 total, 1002 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: {good} 2xx, 0 3xx, {refused} 4xx, 0 5xx
traffic: 60.00KB (61440) total, 10.00KB (10240) headers (space savings 90.00%), 14.65KB ({data}) data
"""


def read(data: int, *, good: int = 1000, refused: int = 0, target: Target = TARGET) -> generators.Load:
    output = OUTPUT.format(good=good, refused=refused, data=data)
    return generators._read_h2load(output, [0.001] * 99 + [0.002], target, 16, 0.5)


def test_responses_are_counted_by_their_bytes() -> None:
    load = read(1000 * 15)
    assert load == generators.Load(1000, 2.0, 0.001, 0.002, 0.5)


def test_responses_cut_off_at_the_end_are_not_failures() -> None:
    assert read(1016 * 15).calls == 1000


@pytest.mark.parametrize("data", [0, 999 * 15, 1017 * 15])
def test_grpc_errors_that_h2load_counts_as_success_are_detected(data: int) -> None:
    with pytest.raises(LoadError, match="expected"):
        read(data)


def test_http_errors_are_detected() -> None:
    with pytest.raises(LoadError, match="1 returned a status other than 2xx"):
        read(0, good=999, refused=1, target=replace(TARGET, grpc=False))


def test_unknown_output_is_rejected() -> None:
    with pytest.raises(LoadError, match="unexpected output"):
        generators._read_h2load("finished in a hurry", [], TARGET, 16, 0.5)


def test_an_incomplete_log_line_is_ignored() -> None:
    assert generators._durations("1700000000000000\t200\t1500\n1700000000000000\t-1\t0\n17000") == [0.0015]


def test_a_message_is_framed_as_in_grpc() -> None:
    assert generators.framed(b"abc") == b"\x00\x00\x00\x00\x03abc"


def report(**changes: Any) -> Any:
    calls = [
        {"timestamp": f"2026-01-01T00:00:0{ended}Z", "latency": latency * 1_000_000}
        for ended, latency in [("2.5", 7), *[("1.7", 2)] * 97, ("1.53", 40), ("0.55", 50)]
    ]
    good = {"total": 3e9, "statusCodeDistribution": {"OK": 100}, "details": calls}
    return json.loads(json.dumps({**good, **changes}))


def test_a_ghz_report_is_read() -> None:
    assert generators._read_ghz(report(), 1.5) == generators.Load(100, 3.0, 0.002, 0.050, 1.5)


def test_the_first_second_of_a_ghz_report_can_be_excluded() -> None:
    load = generators._read_ghz(report(), 1.5, ramp=1.0)
    assert load == generators.Load(100, 3.0, 0.002, 0.007, 1.5)
    assert len(load.durations) == 98  # started within the time and ended after it


@pytest.mark.parametrize("statuses", [{"OK": 599, "Unavailable": 1}, {}, None])
def test_failures_in_a_ghz_report_are_detected(statuses: Any) -> None:
    with pytest.raises(LoadError):
        generators._read_ghz(report(statusCodeDistribution=statuses), 1.5)


def test_the_descriptor_set_for_ghz_lists_imports_first() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString(generators._descriptors())
    known: set[str] = set()
    for file in found.file:
        assert known.issuperset(file.dependency), file.name
        known.add(file.name)
    assert "keyway/v1/key_service.proto" in known

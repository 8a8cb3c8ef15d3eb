"""Messages about watched certificates between the workers of a gateway, and their encoding.

Every worker sends its interests to the worker that polls. That worker sends updates. The supervisor passes both on. A
parser accepts only the known encoding, and raises ValueError, TypeError, or KeyError otherwise.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from gateway.errors import ErrorKind, GatewayError
from gateway.watch.states import CertificateState, Phase

_MAXIMUM_NUMBER: Final = 2**63


@dataclass(frozen=True, slots=True)
class Interest:
    """The certificates of one provider that a worker watches. It replaces the previous interest of the worker.

    worker: the number of the worker. serial: increases with each interest, also beyond the end of the worker.
    everything: all certificates of the provider. urgent: the names for which readers wait. urgent_everything: whether a
    reader waits for all certificates.
    """

    worker: int
    provider: str
    serial: int
    names: frozenset[str] = frozenset()
    everything: bool = False
    urgent: frozenset[str] = frozenset()
    urgent_everything: bool = False

    @property
    def is_urgent(self) -> bool:
        """Whether a reader waits for an update."""
        return bool(self.urgent) or self.urgent_everything

    @property
    def is_empty(self) -> bool:
        """Whether the worker watches nothing."""
        return not self.names and not self.everything

    def encode(self) -> bytes:
        """Return the JSON encoding."""
        return orjson.dumps(
            {
                "worker": self.worker,
                "provider": self.provider,
                "serial": self.serial,
                "names": sorted(self.names - self.urgent),
                "everything": self.everything,
                "urgent": sorted(self.names & self.urgent),
                "urgent_everything": self.urgent_everything,
            }
        )

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the interest in parsed JSON."""
        urgent = frozenset(map(_text, value["urgent"]))
        return cls(
            _number(value["worker"]),
            _text(value["provider"]),
            _number(value["serial"]),
            urgent.union(map(_text, value["names"])),
            everything=bool(value["everything"]),
            urgent=urgent,
            urgent_everything=bool(value["urgent_everything"]),
        )


@dataclass(frozen=True, slots=True)
class PollFailure:
    """Why a provider could not be polled. message: for callers."""

    code: int
    reason: int
    message: str

    @classmethod
    def of(cls, error: GatewayError) -> Self:
        """Return the failure that an error describes."""
        return cls(error.kind.code, error.kind.reason, error.message)

    def error(self, provider: str, *, retryable: bool = True) -> GatewayError:
        """Return the error of a call that needs the state of the provider.

        retryable: a retry is always safe, because the calls of the poller change nothing, but can be useless.
        """
        kind = ErrorKind(self.code, self.reason, retryable=retryable)  # type: ignore[arg-type]
        return GatewayError(kind, self.message, metadata={"provider": provider})


@dataclass(frozen=True, slots=True)
class Update:
    """What a worker learns about the certificates of one provider that it watches.

    serial: of the interest that the update answers: the poll began after the interest arrived.
    changes: the new states by name; None for a certificate that the worker no longer watches.
    is_last: whether all changes of the poll have been sent. is_complete: whether its changes contain all certificates
    of the provider, because the worker that polls does not know what the receiver has. failure: why the poll failed, if
    it did. ends_everything: whether the failure is only about readers of all certificates, whose streams end.
    """

    worker: int
    provider: str
    serial: int
    changes: Mapping[str, CertificateState] = field(default_factory=dict)
    is_last: bool = True
    is_complete: bool = False
    failure: PollFailure | None = None
    ends_everything: bool = False

    def encode(self) -> bytes:
        """Return the JSON encoding."""
        failure = self.failure
        return orjson.dumps(
            {
                "worker": self.worker,
                "provider": self.provider,
                "serial": self.serial,
                "changes": {name: _plain(state) for name, state in self.changes.items()},
                "last": self.is_last,
                "complete": self.is_complete,
                "failure": [failure.code, failure.reason, failure.message] if failure is not None else None,
                "ends_everything": self.ends_everything,
            }
        )

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the update in parsed JSON."""
        return cls(
            _number(value["worker"]),
            _text(value["provider"]),
            _number(value["serial"]),
            {_text(name): _state(plain) for name, plain in value["changes"].items()},
            is_last=bool(value["last"]),
            is_complete=bool(value.get("complete")),
            failure=_failure(value["failure"]),
            ends_everything=bool(value.get("ends_everything")),
        )


def _plain(state: CertificateState) -> list[object]:
    return [int(state.phase), state.version, state.reason, base64.b64encode(state.certificate).decode()]


def _state(value: Any) -> CertificateState:
    phase, version, reason, certificate = value
    return CertificateState(Phase(phase), _text(version), _text(reason), base64.b64decode(certificate, validate=True))


def _failure(value: Any) -> PollFailure | None:
    if value is None:
        return None
    code, reason, message = value
    return PollFailure(_number(code), _number(reason), _text(message))


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAXIMUM_NUMBER:
        raise ValueError("not a number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value

"""Connection problems of the clients: complete sentences, and the messages of the gateway that name a problem."""

import pytest

from clients.problem_table import BY_MESSAGE, BY_REASON, OPTIONS, SENTENCES, sentences
from gateway.identity.errors import AuthenticationFailure
from keyway.problems import Problem
from keyway.v1.error_reason_pb2 import ErrorReason


@pytest.mark.parametrize("language", OPTIONS)
def test_every_sentence_has_a_cause_and_a_fix(language: str) -> None:
    for name, sentence in sentences(language).items():
        cause, colon, fix = sentence.partition(": ")
        assert cause, name
        assert colon, name
        assert fix, name
        assert "{" not in sentence, name


def test_python_has_the_sentences() -> None:
    assert {problem.name: problem.value for problem in Problem} == sentences("python")
    assert Problem.REFUSED.fix == "start the gateway, or correct the address"


def test_every_authentication_failure_of_the_caller_is_a_problem() -> None:
    assert set(BY_MESSAGE) == set(AuthenticationFailure) - {AuthenticationFailure.KEYS_UNAVAILABLE}
    assert SENTENCES.keys() >= {*BY_MESSAGE.values(), *BY_REASON.values()}


def test_reasons_exist_in_the_contract() -> None:
    assert {f"ERROR_REASON_{reason}" for reason in BY_REASON} <= set(ErrorReason.keys())

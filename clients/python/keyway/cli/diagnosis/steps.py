"""A step of a diagnosis, and the failure of one."""

from dataclasses import dataclass

from keyway.problems import Problem


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step. details: lines for people. problem: why the step failed; None if it succeeded."""

    name: str
    details: tuple[str, ...] = ()
    problem: Problem | None = None


class StepFailed(Exception):
    """Ends the diagnosis with a failed step."""

    def __init__(self, name: str, problem: Problem, *details: str) -> None:
        super().__init__(name, problem)
        self.step = Step(name, tuple(detail for detail in details if detail), problem)

"""The performance targets: which measurements each of them needs, and the verdicts."""

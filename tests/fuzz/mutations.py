"""Hypothesis strategies for damaged bytes and damaged JSON."""

from typing import Any

from hypothesis import strategies as st

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "9999-12-31 23:59:59", "2026-02-30", "\ufeff", "\0", "true", "-1", "0x", "AAAA\n", "=" * 3])
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with one to four changes: replaced, inserted, removed, repeated, or cut off."""
    data = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        new = draw(st.one_of(st.binary(max_size=8), st.just(data[start:end] * 2), st.just(b"")))
        data = data[:start] + new + (b"" if draw(st.integers(0, 15)) == 0 else data[end:])
    return data


@st.composite
def damaged_json(draw: st.DrawFn, whole: Any) -> Any:
    """JSON in which up to three values at any depth are replaced or removed."""
    tree = whole
    for _ in range(draw(st.integers(1, 3))):
        tree = _changed(draw, tree)
    return tree


def _changed(draw: st.DrawFn, node: Any) -> Any:
    if isinstance(node, dict) and node and draw(st.integers(0, 6)):
        key = draw(st.sampled_from(sorted(node)))
        if draw(st.integers(0, 6)) == 0:
            return {name: value for name, value in node.items() if name != key}
        return {**node, key: _changed(draw, node[key])}
    if isinstance(node, list) and node and draw(st.integers(0, 6)):
        index = draw(st.integers(0, len(node) - 1))
        return [*node[:index], _changed(draw, node[index]), *node[index + 1 :]]
    return draw(VALUES)

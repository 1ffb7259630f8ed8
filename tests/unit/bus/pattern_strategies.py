"""Rules and events that meet often: few names, few values, every operator."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = st.sampled_from(["a", "b", "A", "ab", "10.0.0.1", "010.0.0.1", ""])
NUMBERS = st.sampled_from([0, 1, 1.0, -1, 2, 1e300, 123456789012345678])
SCALARS = TEXTS | NUMBERS | st.booleans() | st.none()
MATCHERS = (
    SCALARS
    | st.fixed_dictionaries({"exactly": TEXTS})
    | st.fixed_dictionaries({"prefix": TEXTS | st.fixed_dictionaries({"equals-ignore-case": TEXTS})})
    | st.fixed_dictionaries({"suffix": TEXTS})
    | st.fixed_dictionaries({"equals-ignore-case": TEXTS})
    | st.fixed_dictionaries({"wildcard": st.sampled_from(["a*", "*b", "*"])})
    | st.fixed_dictionaries({"exists": st.booleans()})
    | st.fixed_dictionaries({"numeric": st.sampled_from([[">", 0], ["=", 1], [">=", -1, "<", 2]])})
    | st.fixed_dictionaries({"anything-but": st.sampled_from([["a"], "b", [1], {"prefix": "a"}])})
    | st.just({"cidr": "10.0.0.0/8"})
)
NAMES = st.sampled_from(["source", "detail-type", "detail", "x"])
VALUES = st.lists(MATCHERS, min_size=1, max_size=3)
OBJECTS = st.recursive(
    st.dictionaries(NAMES, VALUES, min_size=1, max_size=3),
    lambda inner: (
        st.dictionaries(NAMES, VALUES | inner, min_size=1, max_size=3)
        | st.builds(
            lambda fields, branches: {**fields, "$or": branches},
            st.dictionaries(NAMES, VALUES, max_size=2),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=6,
)
EVENT_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.dictionaries(NAMES, EVENT_VALUES, max_size=4)

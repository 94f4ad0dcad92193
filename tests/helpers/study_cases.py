"""Shared by the tests of study."""

from hypothesis import strategies as st

from experiments.conventions import TABLE, Conventions

conventions = st.builds(
    lambda base, overrides: Conventions(base=base, **(overrides if base != "stock" else {})),
    st.sampled_from(["stock", "keras", "pytorch"]),
    st.dictionaries(st.sampled_from(sorted(TABLE)), st.sampled_from(["keras", "pytorch"])),
)

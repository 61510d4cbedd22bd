import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.data.keys import ContentKeys, SeenHashes, hash_keys


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=12))
def test_seen_hashes_are_a_set(parts: list[list[int]]) -> None:
    seen, model = SeenHashes(), set[int]()
    for part in parts:
        found = seen.add(np.array(part, np.uint64))
        for value, was_there in zip(part, found, strict=True):
            assert was_there == (value in model)
            model.add(value)


def test_seen_hashes_stay_right_over_many_merges() -> None:
    seen = SeenHashes()
    values = np.random.default_rng(0).permutation(60_000).astype(np.uint64)
    for part in np.array_split(values, 40):
        assert not seen.add(part).any()
    assert seen.add(values).all()
    assert not seen.add(values + 60_000).any()


def test_content_keys_of_repeated_content_get_numbers_in_order() -> None:
    keys = ContentKeys()
    first = keys.make([b"a", b"b", b"a"])
    second = keys.make([b"a", b"c", b"b"])
    assert first[2] == f"{first[0]}-2"
    assert second[0] == f"{first[0]}-3"
    assert second[2] == f"{first[1]}-2"
    assert len({*first, *second}) == 6


def test_hashes_are_the_same_everywhere() -> None:
    assert hash_keys(["a", "ä"]).tolist() == hash_keys(["a"]).tolist() + hash_keys(["ä"]).tolist()
    assert hash_keys([]).shape == (0,)

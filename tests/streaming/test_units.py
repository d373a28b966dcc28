from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from taskvec.streaming.units import BLOCK, MAX_PIECES, Piece, make_units

sizes = st.lists(
    st.one_of(
        st.integers(0, 3),
        st.integers(0, 4 * BLOCK),
        st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7]),
    ),
    max_size=40,
)


@given(sizes)
def test_units_cover_every_element_of_every_tensor_once_and_in_order(sizes: list[int]) -> None:
    pieces = [piece for unit in make_units(sizes) for piece in unit.pieces]
    assert list(dict.fromkeys(piece.tensor for piece in pieces)) == list(range(len(sizes)))
    for tensor, size in enumerate(sizes):
        own = [piece for piece in pieces if piece.tensor == tensor]
        assert [piece.start for piece in own] == [0, *(piece.stop for piece in own[:-1])]
        assert own[-1].stop == size
        assert all(piece.start < piece.stop for piece in own) or size == 0


@given(sizes)
def test_units_are_bounded_and_numbered(sizes: list[int]) -> None:
    units = make_units(sizes)
    assert [unit.index for unit in units] == list(range(len(units)))
    for unit in units:
        assert 1 <= len(unit.pieces) <= MAX_PIECES
        assert sum(piece.stop - piece.start for piece in unit.pieces) <= BLOCK


@given(sizes, sizes)
def test_a_tensor_is_cut_alike_whatever_comes_before_it(before: list[int], sizes: list[int]) -> None:
    alone = [(piece.start, piece.stop) for unit in make_units(sizes) for piece in unit.pieces]
    behind = [
        (piece.start, piece.stop)
        for unit in make_units([*before, *sizes])
        for piece in unit.pieces
        if piece.tensor >= len(before)
    ]
    assert behind == alone


def test_many_tiny_tensors_share_units() -> None:
    units = make_units([1] * (MAX_PIECES + 1))
    assert [len(unit.pieces) for unit in units] == [MAX_PIECES, 1]


def test_a_unit_is_filled_to_its_last_element() -> None:
    assert [len(unit.pieces) for unit in make_units([BLOCK - 1, 1, 0, 1])] == [3, 1]
    assert BLOCK == 1_048_576


def test_an_empty_tensor_is_one_empty_piece() -> None:
    assert make_units([0])[0].pieces == (Piece(0, 0, 0),)

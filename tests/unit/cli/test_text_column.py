from __future__ import annotations

import pytest

from app.cli.files.text_column import BLOCK, TextColumn


def column(size: int) -> TextColumn:
    found = TextColumn()
    for number in range(size):
        found.append(f"{number} é")
    return found


@pytest.mark.parametrize("size", [0, 1, BLOCK, 2 * BLOCK + 3])
def test_cells_come_back_in_their_order(size: int) -> None:
    assert list(column(size)) == [f"{number} é" for number in range(size)]
    assert len(column(size)) == size


def test_any_cell_can_be_asked_for() -> None:
    found = column(2 * BLOCK + 3)

    assert [found[place] for place in (0, BLOCK, -1, BLOCK - 1)] == [
        "0 é", f"{BLOCK} é", f"{2 * BLOCK + 2} é", f"{BLOCK - 1} é",
    ]  # fmt: skip
    assert found[BLOCK - 1 : BLOCK + 1] == [f"{BLOCK - 1} é", f"{BLOCK} é"]
    with pytest.raises(IndexError):
        found[2 * BLOCK + 3]

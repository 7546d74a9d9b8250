"""The rows to send, read in bounded slices from the prepared file while workers ask for them."""

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Final

import polars as pl

SLICE_ROWS: Final = 1_000
SLICES_KEPT: Final = 6
"""Rows come nearly in order; a few slices serve the positions that lag behind."""

Row = dict[str, str | None]


class RowReader:
    """
    Rows of a Parquet file by ordinal.

    The ordinals of a prepared file are its row numbers, so a row's slice is found by division; of
    a file with some of the rows they are given, in the order of the file. Memory is SLICES_KEPT x
    SLICE_ROWS rows, whatever the size of the file.
    """

    def __init__(self, path: Path, columns: list[str], ordinals: "pl.Series | None" = None) -> None:
        self._path = path
        self._columns = columns
        self._ordinals = None if ordinals is None else ordinals.sort()
        self._places = None if ordinals is None else ordinals.arg_sort()
        self._slices: OrderedDict[int, list[Row]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def row(self, ordinal: int) -> Row:
        """The row's columns by name."""
        number, place = divmod(self._place_of(ordinal), SLICE_ROWS)
        if number not in self._slices:
            async with self._lock:
                if number not in self._slices:
                    self._keep(number, await asyncio.to_thread(self._read, number))
        self._slices.move_to_end(number)
        return self._slices[number][place]

    def _place_of(self, ordinal: int) -> int:
        if self._ordinals is None or self._places is None:
            return ordinal
        return int(self._places[int(self._ordinals.search_sorted(ordinal))])

    def _read(self, number: int) -> list[Row]:
        return (
            pl.scan_parquet(self._path)
            .select(self._columns)
            .slice(number * SLICE_ROWS, SLICE_ROWS)
            .collect()
            .to_dicts()
        )

    def _keep(self, number: int, rows: list[Row]) -> None:
        self._slices[number] = rows
        if len(self._slices) > SLICES_KEPT:
            self._slices.popitem(last=False)

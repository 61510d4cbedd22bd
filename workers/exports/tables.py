"""Corrected Parquet and CSV: file by file, row group by row group, all columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow.parquet import FileMetaData

from app.artifacts import ArtifactStore
from app.datasets.example_store import ExampleStore
from app.datasets.models import Dataset
from app.locations import Location
from app.uploads.places import find_registered
from workers.data.csv_reader import CsvReader, stream_csv
from workers.data.index import spec_of
from workers.data.jobs import allowed_roots
from workers.data.parquet_reader import ParquetReader, open_parquet
from workers.data.spec import IndexSpec
from workers.exports.cells import csv_rows
from workers.exports.corrected import Corrector
from workers.exports.decisions import Decisions
from workers.exports.parts import OutFile, ParquetForm, Piece, TextForm
from workers.exports.spelling import Spelling

_GROUP_BYTES = 256 << 20


@dataclass(frozen=True)
class Source:
    """What a corrected data set is made of."""

    dataset: Dataset
    spec: IndexSpec
    location: Location
    store: ExampleStore
    decisions: Decisions

    @classmethod
    def of(
        cls, dataset: Dataset, store: ExampleStore, decisions: Decisions, artifacts: ArtifactStore
    ) -> Source:
        location = find_registered(dataset.uri, allowed_roots(dataset, artifacts))
        return cls(dataset, spec_of(dataset), location, store, decisions)

    def corrector(self, spelling: Spelling, position: int) -> Corrector:
        return Corrector(
            self.spec,
            self.store,
            self.decisions,
            spelling,
            has_rejects=bool(self.dataset.rejected_count),
            position=position,
        )


def parquet_files(source: Source) -> tuple[list[OutFile], Spelling]:
    reader = ParquetReader(source.spec, source.location)
    spellings: dict[pa.DataType, Spelling] = {}
    files = []
    for file in reader.files:
        with open_parquet(file) as opened:
            schema, metadata = opened.schema_arrow, opened.metadata
        kind = schema.field(source.spec.label).type
        if kind not in spellings:
            spellings[kind] = _spelling(source, reader, kind)
        files.append(_parquet_file(source, reader, file, schema, metadata, spellings[kind]))
    return files, next(iter(spellings.values()))


def _spelling(source: Source, reader: ParquetReader | CsvReader, kind: pa.DataType) -> Spelling:
    return Spelling(kind, source.store.meta.classes, reader.labels(), source.spec.label)


def _parquet_file(
    source: Source,
    reader: ParquetReader,
    file: Location,
    schema: pa.Schema,
    metadata: FileMetaData,
    spelling: Spelling,
) -> OutFile:
    compression = "snappy"
    if metadata.num_row_groups:
        compression = metadata.row_group(0).column(0).compression.lower()
    compression = "none" if compression == "uncompressed" else compression

    def pieces(rows: int, examples: int) -> Iterator[Piece]:
        corrector, end = source.corrector(spelling, examples), 0
        with open_parquet(file) as opened:
            for number in range(metadata.num_row_groups):
                begin, end = end, end + metadata.row_group(number).num_rows
                if end <= rows:
                    continue
                batches = opened.iter_batches(reader.batch_rows, row_groups=[number])
                yield from _row_group(reader, corrector, batches, begin, rows)
        _require_end(corrector, reader, file)

    return OutFile(
        ".parquet", "application/vnd.apache.parquet", ParquetForm(schema, compression), pieces
    )


def _row_group(
    reader: ParquetReader,
    corrector: Corrector,
    batches: Iterator[pa.RecordBatch],
    row: int,
    rows_done: int,
) -> Iterator[Piece]:
    """A row group as one piece; as several if it is too large to hold."""
    kept: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        row += batch.num_rows
        if row <= rows_done:
            continue
        kept.append(_corrected(reader, corrector, row - batch.num_rows, batch))
        size += kept[-1].nbytes
        if size >= _GROUP_BYTES:
            yield _piece(kept, row, corrector)
            kept, size = [], 0
    if kept:
        yield _piece(kept, row, corrector)


def _piece(batches: list[pa.RecordBatch], row: int, corrector: Corrector) -> Piece:
    return Piece(pa.Table.from_batches(batches).combine_chunks(), row, corrector.position)


def _corrected(
    reader: ParquetReader | CsvReader, corrector: Corrector, row: int, batch: pa.RecordBatch
) -> pa.RecordBatch:
    chunk = reader.chunk(row, batch)
    stays, labels = corrector.correct(chunk)
    if labels is not chunk.labels:
        at = batch.schema.get_field_index(corrector.label)
        batch = batch.set_column(at, batch.schema.field(at), labels)
    return batch if stays.all() else batch.filter(pa.array(stays))


def _require_end(corrector: Corrector, reader: ParquetReader | CsvReader, file: Location) -> None:
    if file is reader.files[-1]:
        corrector.require_end()


def csv_files(source: Source) -> tuple[list[OutFile], Spelling]:
    reader = CsvReader(source.spec, source.location)
    spelling = _spelling(source, reader, pa.binary())
    files = zip(reader.files, reader.headers, strict=True)
    return [_csv_file(source, reader, *file, spelling) for file in files], spelling


def _csv_file(
    source: Source, reader: CsvReader, file: Location, names: list[str], spelling: Spelling
) -> OutFile:
    is_gzip = file.name.lower().endswith(".gz")

    def pieces(rows: int, examples: int) -> Iterator[Piece]:
        corrector, row = source.corrector(spelling, examples), 0
        for batch in stream_csv(file, names):
            row += batch.num_rows
            if row > rows:
                corrected = _corrected(reader, corrector, row - batch.num_rows, batch)
                yield Piece(pa.Table.from_batches([corrected]), row, corrector.position)
        _require_end(corrector, reader, file)

    header = csv_rows([pa.array([name], pa.large_string()) for name in names])
    return OutFile(
        ".csv.gz" if is_gzip else ".csv",
        "application/gzip" if is_gzip else "text/csv",
        TextForm(header, _csv_of, is_gzip=is_gzip),
        pieces,
    )


def _csv_of(table: pa.Table) -> bytes:
    return csv_rows([column.combine_chunks() for column in table.columns])

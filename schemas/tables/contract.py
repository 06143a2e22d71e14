"""What a table promises: exact Arrow schema, primary key, sort order, and row checks (pandera)."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from schemas.errors import TableError


def field(name: str, value_type: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    """A column of a contract: what it holds, with unit and range, goes into the documents and not into the file."""
    return pa.field(name, value_type, nullable=nullable, metadata={"description": description})


@dataclass(frozen=True)
class BrokenRow:
    """A row that fails its checks."""

    index: int
    detail: str


@dataclass(frozen=True)
class Contract:
    """A table's contract.

    Parameters
    ----------
    name
        The table's name in messages.
    arrow
        Exact columns, order and types of the file, made of `field`.
    primary_key
        Column that is unique and not null, and by which rows are sorted.
    summary
        Scalar summary of each row (lengths, sums, ranges) as a data frame with one row a table row; list columns are reduced
        by Arrow, never mapped in Python.
    rows
        pandera schema of that summary.
    """

    name: str
    arrow: pa.Schema
    primary_key: str
    summary: Callable[[pa.Table], pd.DataFrame]
    rows: pandera.DataFrameSchema
    descriptions: Mapping[str, str] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        told = {column.name: (column.metadata or {}).get(b"description", b"").decode() for column in self.arrow}
        object.__setattr__(self, "descriptions", told)
        object.__setattr__(self, "arrow", pa.schema([column.remove_metadata() for column in self.arrow]))

    def check_columns(self, table: pa.Table) -> None:
        """Raise `TableError` unless columns, their order and their types are exactly the contract's."""
        if table.schema.equals(self.arrow, check_metadata=False):
            return
        want = {f.name: f for f in self.arrow}
        have = {f.name: f for f in table.schema}
        faults = [f"missing {n}: {want[n].type}" for n in want if n not in have]
        faults += [f"unknown {n}" for n in have if n not in want]
        faults += [f"{n} is {_told(have[n])}, wants {_told(want[n])}" for n in want if n in have and not have[n].equals(want[n])]
        raise TableError(f"table {self.name}: {'; '.join(faults) or 'columns in another order'}; rerun the stage that writes it")

    def broken_rows(self, table: pa.Table) -> list[BrokenRow]:
        """Rows that fail a check, in order of index, each with the names of the checks it failed."""
        self.check_columns(table)
        try:
            self.rows.validate(self.summary(table), lazy=True)
        except SchemaErrors as errors:
            return _broken(self.name, errors.failure_cases)
        return []

    def check(self, table: pa.Table) -> None:
        """Raise `TableError` unless columns, rows, key and order all hold."""
        self.check_order(table)
        broken = self.broken_rows(table)
        if broken:
            keys = table.column(self.primary_key)
            shown = "; ".join(f"{keys[row.index].as_py()}: {row.detail}" for row in broken[:5])
            raise TableError(f"table {self.name}: {len(broken)} rows break the contract ({shown}); rerun the stage that writes it")

    def check_order(self, table: pa.Table) -> None:
        """Raise `TableError` unless the primary key is present, unique and ascending."""
        self.check_columns(table)
        keys = table.column(self.primary_key).combine_chunks()
        if keys.null_count or (len(keys) > 1 and not pc.all(pc.less(keys[:-1], keys[1:])).as_py()):
            raise TableError(f"table {self.name}: {self.primary_key} must be unique and ascending; sort before writing")

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows as a table with the contract's schema, sorted by the primary key."""
        ordered = sorted(rows, key=lambda row: str(row[self.primary_key]))
        return pa.Table.from_pylist(ordered, schema=self.arrow)


def _told(field: pa.Field) -> str:
    return f"{field.type}{'' if field.nullable else ' not null'}"


def _broken(name: str, failures: pd.DataFrame) -> list[BrokenRow]:
    if failures["index"].isna().any():
        raise TableError(f"table {name}: {failures.to_dict('records')}; the summary does not fit its schema, please report it")
    checks: dict[int, list[str]] = {}
    for failure in failures.to_dict("records"):
        shown = f"{failure['column']}={failure['failure_case']} fails {failure['check']}"
        checks.setdefault(int(failure["index"]), []).append(shown)
    return [BrokenRow(index, ", ".join(details)) for index, details in sorted(checks.items())]

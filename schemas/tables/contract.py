"""What a table promises: exact Arrow schema, primary key, sort order, and row checks (pandera)."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from schemas.errors import RowError, TableError
from schemas.reasons import Reason


def field(name: str, value_type: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    """A column of a contract: what it holds, with unit and range, goes into the documents and not into the file."""
    return pa.field(name, value_type, nullable=nullable, metadata={"description": description})


def list_of(value_type: pa.DataType, size: int = -1) -> pa.DataType:
    """The type of lists without nulls inside, all of one size or (-1) of any."""
    return pa.list_(pa.field("element", value_type, nullable=False), size)


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
    rows
        pandera schema of the summary.
    summary
        Scalar summary of each row (lengths, sums, ranges) as a data frame with one row a table row; list columns are reduced
        by Arrow, never mapped in Python. None: the columns that `rows` names, as they are.
    """

    name: str
    arrow: pa.Schema
    primary_key: str
    rows: pandera.DataFrameSchema
    summary: Callable[[pa.Table], pd.DataFrame] | None = None
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
        summary = self.summary(table) if self.summary is not None else table.select(list(self.rows.columns)).to_pandas()
        try:
            self.rows.validate(summary, lazy=True)
        except SchemaErrors as errors:
            return _broken(self.name, errors.failure_cases)
        return []

    def whole_rows(self, table: pa.Table) -> tuple[pa.Table, dict[str, RowError]]:
        """The table less the rows that fail a check, and why each does (`contract_broken`) by its primary key."""
        broken = self.broken_rows(table) if table.num_rows else []
        if not broken:
            return table, {}
        keys, whole = table.column(self.primary_key), np.ones(table.num_rows, dtype=np.bool_)
        whole[[row.index for row in broken]] = False
        faults = {keys[row.index].as_py(): RowError(Reason.CONTRACT_BROKEN, row.detail) for row in broken}
        return table.filter(pa.array(whole)).combine_chunks(), faults

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

"""How a table is laid out: its columns, partitions and order, and the bounds that Iceberg keeps of files.

Files are partitioned by the month of ingest, and hold rows ordered by the table's sort columns. Tables of
before were partitioned by the hour, or by the day: they get the new spec beside the old one, as Iceberg's
partition evolution has it, and files of both are read side by side until `compact` has joined the old ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, index_name_by_id
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.sorting import NullOrder, SortField, SortOrder
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    AssertCurrentSchemaId,
    AssertDefaultSortOrderId,
    AssertDefaultSpecId,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    TableRequirement,
    TableUpdate,
)
from pyiceberg.transforms import DayTransform, HourTransform, IdentityTransform, MonthTransform

from newsmill.lake.columns import TableSchema
from newsmill.lake.files import hour

_MONTH_FIELD: Final = 1002  # Iceberg numbers partition fields from 1000, which was the hour; 1001 the day
_MONTH_NAME: Final = "ingested_at_month"
_EARLIER: Final = {"ingested_at_hour": HourTransform, "ingested_at_day": DayTransform}
_EARLIER_SORT: Final = {"articles": ("domain", "published_at", "article_id", "revision")}


def new(schema: TableSchema[Any], location: str, properties: Mapping[str, str]) -> TableMetadataV2:
    """Metadata of a table without rows."""
    iceberg = pyarrow_to_schema(schema.arrow)
    spec, order = _spec(iceberg, 0), _order(schema.sort, iceberg, 1)
    return TableMetadataV2(
        location=location,
        schemas=[_columns(schema, iceberg, 0)],
        last_column_id=max(schema.field_ids.values()),
        current_schema_id=0,
        partition_specs=[spec],
        default_spec_id=spec.spec_id,
        last_partition_id=_MONTH_FIELD,
        sort_orders=[order],
        default_sort_order_id=order.order_id,
        properties={**properties, **_managed(schema, iceberg)},
    )


def updates(
    table: Table, schema: TableSchema[Any]
) -> tuple[tuple[TableUpdate, ...], tuple[TableRequirement, ...]]:
    """What brings a table of an earlier version to this one's layout, and what must hold for it.

    Empty where there is nothing to do. A partition spec or an order that another engine's user chose stays.
    """
    wanted = pyarrow_to_schema(schema.arrow)
    changes: list[TableUpdate] = []
    requirements: list[TableRequirement] = []
    known = table.schema()
    named = known.identifier_field_ids == _columns(schema, wanted, 0).identifier_field_ids
    if len(index_name_by_id(known)) != len(schema.field_ids) or not named:
        # `update_schema` would choose ids of its own.
        following = max(table.schemas()) + 1
        changes += [
            AddSchemaUpdate(schema_=_columns(schema, wanted, following)),
            SetCurrentSchemaUpdate(schema_id=following),
        ]
        requirements.append(AssertCurrentSchemaId(current_schema_id=table.metadata.current_schema_id))
    parts = [(field.name, type(field.transform)) for field in table.spec().fields]
    if len(parts) == 1 and parts[0] in _EARLIER.items():
        spec = _spec(wanted, max(table.specs()) + 1)
        changes += [AddPartitionSpecUpdate(spec=spec), SetDefaultSpecUpdate(spec_id=spec.spec_id)]
        requirements.append(AssertDefaultSpecId(default_spec_id=table.metadata.default_spec_id))
    if _is_ordered_as_before(table, schema, wanted):
        order = _order(schema.sort, wanted, max(table.sort_orders(), default=0) + 1)
        changes += [
            AddSortOrderUpdate(sort_order=order),
            SetDefaultSortOrderUpdate(sort_order_id=order.order_id),
        ]
        requirements.append(
            AssertDefaultSortOrderId(default_sort_order_id=table.metadata.default_sort_order_id)
        )
    managed = _managed(schema, wanted)
    if any(table.properties.get(name) != value for name, value in managed.items()):
        changes.append(SetPropertiesUpdate(updates=managed))
    return tuple(changes), tuple(requirements)


def hours(table: Table, ingested_at: int, file: IcebergFile) -> range:
    """Hours since 1970 in which a file's rows were ingested: by its bounds, else all of its partition's.

    Args:
        table: As loaded.
        ingested_at: Field id of that column.
        file: As a manifest describes it; in `spec_id` it names the spec of its partition.
    """
    low, high = ((bounds or {}).get(ingested_at) for bounds in (file.lower_bounds, file.upper_bounds))
    if low is not None and high is not None:
        first, last = (hour(int.from_bytes(bound, "little", signed=True)) for bound in (low, high))
        return range(first, last + 1)
    value = int(file.partition[0])
    transform = table.specs()[file.spec_id].fields[0].transform
    if isinstance(transform, MonthTransform):
        return range(*(_first_hour(month) for month in (value, value + 1)))
    if isinstance(transform, DayTransform):
        return range(24 * value, 24 * value + 24)
    return range(value, value + 1)


def _first_hour(month: int) -> int:
    """The first hour since 1970 of a month since 1970."""
    return int(datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) // 3600


def _is_ordered_as_before(table: Table, schema: TableSchema[Any], iceberg: Schema) -> bool:
    """Whether a table has no order, and never had one, or the one that an earlier version gave it."""
    earlier = _EARLIER_SORT.get(schema.name)
    order = table.sort_order()
    if order.is_unsorted:
        return not any(order.fields for order in table.sort_orders().values())
    return earlier is not None and order.fields == _order(earlier, iceberg, 1).fields


def _columns(schema: TableSchema[Any], iceberg: Schema, schema_id: int) -> Schema:
    """The columns with those that identify a row: what engines that merge rows go by."""
    key = [schema.field_ids[name] for name in schema.key]
    return Schema(*iceberg.fields, schema_id=schema_id, identifier_field_ids=key)


def _spec(schema: Schema, spec_id: int) -> PartitionSpec:
    source = schema.find_field("ingested_at").field_id
    return PartitionSpec(PartitionField(source, _MONTH_FIELD, MonthTransform(), _MONTH_NAME), spec_id=spec_id)


def _order(columns: Sequence[str], iceberg: Schema, order_id: int) -> SortOrder:
    fields = [
        SortField(
            source_id=iceberg.find_field(name).field_id,
            transform=IdentityTransform(),
            null_order=NullOrder.NULLS_LAST,
        )
        for name in columns
    ]
    return SortOrder(*fields, order_id=order_id)


def _managed(schema: TableSchema[Any], iceberg: Schema) -> dict[str, str]:
    """Properties that follow from the columns."""
    metrics = {f"write.metadata.metrics.column.{name}": "truncate(64)" for name in schema.measured}
    return {"schema.name-mapping.default": iceberg.name_mapping.model_dump_json(), **metrics}

"""How a table is laid out: its columns, partitions and order, and the bounds that Iceberg keeps of files.

Files are partitioned by the day of ingest, and hold rows ordered by the table's sort columns. Tables of
before were partitioned by the hour: they get the new spec beside the old one, as Iceberg's partition
evolution has it, and files of both are read side by side until `compact` has joined the old ones.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from pyiceberg.transforms import DayTransform, HourTransform, IdentityTransform

from newsmill.lake.columns import TableSchema
from newsmill.lake.files import hour

_DAY_FIELD: Final = 1001  # Iceberg numbers partition fields from 1000, which was the hour
_DAY_NAME: Final = "ingested_at_day"
_ORDER: Final = 1  # 0 is no order


def new(schema: TableSchema[Any], location: str, properties: Mapping[str, str]) -> TableMetadataV2:
    """Metadata of a table without rows."""
    iceberg = pyarrow_to_schema(schema.arrow)
    spec, order = _spec(iceberg, 0), _order(schema, iceberg)
    return TableMetadataV2(
        location=location,
        schemas=[_columns(schema, iceberg, 0)],
        last_column_id=max(schema.field_ids.values()),
        current_schema_id=0,
        partition_specs=[spec],
        default_spec_id=spec.spec_id,
        last_partition_id=_DAY_FIELD,
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
    if [type(field.transform) for field in table.spec().fields] == [HourTransform]:
        spec = _spec(wanted, max(table.specs()) + 1)
        changes += [AddPartitionSpecUpdate(spec=spec), SetDefaultSpecUpdate(spec_id=spec.spec_id)]
        requirements.append(AssertDefaultSpecId(default_spec_id=table.metadata.default_spec_id))
    if table.sort_order().is_unsorted and _ORDER not in table.sort_orders():
        changes += [
            AddSortOrderUpdate(sort_order=_order(schema, wanted)),
            SetDefaultSortOrderUpdate(sort_order_id=_ORDER),
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
    value: Any = file.partition[0]
    if isinstance(table.specs()[file.spec_id].fields[0].transform, DayTransform):
        return range(24 * int(value), 24 * int(value) + 24)
    return range(int(value), int(value) + 1)


def _columns(schema: TableSchema[Any], iceberg: Schema, schema_id: int) -> Schema:
    """The columns with those that identify a row: what engines that merge rows go by."""
    key = [schema.field_ids[name] for name in schema.key]
    return Schema(*iceberg.fields, schema_id=schema_id, identifier_field_ids=key)


def _spec(schema: Schema, spec_id: int) -> PartitionSpec:
    source = schema.find_field("ingested_at").field_id
    return PartitionSpec(PartitionField(source, _DAY_FIELD, DayTransform(), _DAY_NAME), spec_id=spec_id)


def _order(schema: TableSchema[Any], iceberg: Schema) -> SortOrder:
    fields = [
        SortField(
            source_id=iceberg.find_field(name).field_id,
            transform=IdentityTransform(),
            null_order=NullOrder.NULLS_LAST,
        )
        for name in schema.sort
    ]
    return SortOrder(*fields, order_id=_ORDER)


def _managed(schema: TableSchema[Any], iceberg: Schema) -> dict[str, str]:
    """Properties that follow from the columns."""
    metrics = {f"write.metadata.metrics.column.{name}": "truncate(64)" for name in schema.measured}
    return {"schema.name-mapping.default": iceberg.name_mapping.model_dump_json(), **metrics}

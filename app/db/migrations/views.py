"""What several migrations need to make views; what a migration has used stays as it is."""

from __future__ import annotations

from alembic import op

KEY = """
    s.series_id, s.source, s.item, s.area, s.area_eic, s.in_area, s.out_area, s.direction, s.psr_type, s.business_type,
    s.contract, s.sequence, s.flow_direction, s.category, s.unit_eic, s.unit, s.currency
"""
"""The columns by which a view names a series; `s` is `v_series`."""

Views = dict[str, tuple[str, str]]
"""Name → comment and query, each after those that it reads."""


def place(column: str) -> tuple[str, str]:
    """The short form of an EIC or of `OUT>IN`, and the joins it needs."""
    label = f"""
        case when strpos({column}, '>') > 0
            then coalesce(out_place.code, split_part({column}, '>', 1)) || '>' else ''
        end || coalesce(place.code, split_part({column}, '>', -1))
    """
    joins = f"""
        left join areas as place on place.eic = split_part({column}, '>', -1)
        left join areas as out_place on strpos({column}, '>') > 0 and out_place.eic = split_part({column}, '>', 1)
    """
    return label, joins


def create_views(views: Views) -> None:
    for name, (comment, query) in views.items():
        op.execute(f"create view {name} as {query}")
        op.execute(f"comment on view {name} is '{comment}'")


def drop_views(views: Views) -> None:
    for name in reversed(views):
        op.execute(f"drop view {name}")

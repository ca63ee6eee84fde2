"""Changes of interfaces' documents are events, written by the transaction that keeps them."""

from __future__ import annotations

from alembic import op

revision = "0137"
down_revision = "0136"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create function tell_interface_change() returns trigger language plpgsql as $$ begin
            insert into events (topic, kind, data)
            select
                'interfaces',
                new.kind,
                jsonb_build_object(
                    'change_id', new.change_id, 'service', s.name, 'group', s.group_name, 'method', new.method,
                    'path', new.path, 'name', new.name, 'document', new.document, 'breaking', new.breaking,
                    'parts', to_jsonb(new.parts)
                )
            from interface_services as s
            where s.service_id = new.service_id;
            return null;
        end $$
    """)
    op.execute("""
        create trigger tell_interface_change after insert on interface_changes
        for each row execute function tell_interface_change()
    """)


def downgrade() -> None:
    op.execute("drop trigger tell_interface_change on interface_changes")
    op.execute("drop function tell_interface_change()")

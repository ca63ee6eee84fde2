"""A PostgreSQL of our own, for those who have none: started on demand, stopped after its last user."""

from app.db.embedded.guard import guarded
from app.db.embedded.location import has_database
from app.db.embedded.programs import binaries
from app.db.embedded.server import EmbeddedServer, embedded_notice, start_embedded
from app.db.embedded.tcp import admit_logins, tcp_url

__all__ = [
    "EmbeddedServer",
    "admit_logins",
    "binaries",
    "embedded_notice",
    "guarded",
    "has_database",
    "start_embedded",
    "tcp_url",
]

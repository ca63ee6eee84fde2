"""Values of a Gridkeeper service, in one line.

from gridkeeper_client import Gridkeeper

prices = Gridkeeper("http://127.0.0.1:8080").observations("price_day_ahead", "DE_LU", "2024-01-01")
"""

from gridkeeper_client.changes import Change, ChangeBatch
from gridkeeper_client.client import Gridkeeper
from gridkeeper_client.errors import (
    ApiProblem,
    CursorExpired,
    FieldProblem,
    GridkeeperError,
    InvalidArgument,
    InvalidRequest,
    LimitExceeded,
    MissingPackage,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RequestConflict,
    ServiceFailed,
    ServiceNotReached,
    ServiceUnavailable,
    TooManyRequests,
    UnknownName,
    UnreadableAnswer,
)
from gridkeeper_client.progress import ReadProgress

__all__ = [
    "ApiProblem",
    "Change",
    "ChangeBatch",
    "CursorExpired",
    "FieldProblem",
    "Gridkeeper",
    "GridkeeperError",
    "InvalidArgument",
    "InvalidRequest",
    "LimitExceeded",
    "MissingPackage",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "ReadProgress",
    "RequestConflict",
    "ServiceFailed",
    "ServiceNotReached",
    "ServiceUnavailable",
    "TooManyRequests",
    "UnknownName",
    "UnreadableAnswer",
]

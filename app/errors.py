"""The error tree: a class exists because someone catches it differently.

AppError
├── ConfigurationError            stop at start and say which setting is wrong and how to mend it
├── DatabaseUnavailable           the database cannot be reached or used
│   ├── ConnectionsRefused        the server has no room for one more connection: wait for one to become free
│   ├── ReplicaLost               a replica failed in the middle of a read: read again, from the primary
│   └── SchemaMismatch            the database has another schema version or another origin
├── SourceError                   no usable document
│   ├── NoMatchingData            the source has nothing for these parameters: an empty answer
│   ├── SourceUnavailable         time-out, 5xx, dropped, HTML instead of XML, 404 for everything: retry later
│   │   ├── RateLimited           everyone who shares the token waits until `until`
│   │   └── AnswerTooSlow         the answer did not come in time: ask again, then for less
│   ├── AccessDenied              401/403: tell a person, do not retry
│   ├── RequestTooLarge           split the window and try again
│   ├── RequestRejected           the platform refuses these parameters: do not retry
│   └── MalformedDocument         not what the specification says: keep the bytes, do not retry
├── SchedulerError                the scheduler cannot do what was asked
│   ├── JobFailed                 a run of a job did not do its work: recorded, retried by its policy
│   └── SchedulerStateError       not the leader any more, or started twice
├── NotFound
├── Gone                          what a cursor points at is kept no longer: begin anew, as the message says
└── Conflict                      the request contradicts the present state
    └── AnswerOutdated            what a source said came too late to be believed: ask it again
"""

from __future__ import annotations

from datetime import datetime


class AppError(Exception):
    """Something a user or operator can act on; the message says what to do."""


class ConfigurationError(AppError):
    """A setting or an argument is wrong; the message names the field and the remedy."""


class DatabaseUnavailable(AppError):
    """The database cannot be reached, or is not one we can use."""


class ConnectionsRefused(DatabaseUnavailable):
    """The server answers and has no room for one more connection; one that becomes free may be had."""


class ReplicaLost(DatabaseUnavailable):
    """The replica that answers reads failed in the middle of one, or ended it; the primary may answer."""


class SchemaMismatch(DatabaseUnavailable):
    """The database has another schema version, or holds data of another origin."""


class SourceError(AppError):
    """The source gave no usable document."""


class NoMatchingData(SourceError):
    """The source has nothing for these parameters, which is an answer: whoever asked catches it."""


class SourceUnavailable(SourceError):
    """The source did not answer usefully this time; asking again later may help."""


class RateLimited(SourceUnavailable):
    """The token's request limit is exceeded: nobody may ask again before `until` (aware UTC)."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class AnswerTooSlow(SourceUnavailable):
    """The source took the request and did not finish its answer in time; a shorter window may be answered."""


class AccessDenied(SourceError):
    """The source refuses the token; only a person can mend that."""


class RequestTooLarge(SourceError):
    """The answer would exceed what the source or this program allows in one piece."""


class RequestRejected(SourceError):
    """The source refuses the parameters of this request."""


class MalformedDocument(SourceError):
    """The bytes are not a document of the source; `body` keeps them (size-capped) for inspection."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body


class SchedulerError(AppError):
    """The scheduler cannot do what was asked."""


class JobFailed(SchedulerError):
    """A run of a job did not do its work; another attempt may."""


class SchedulerStateError(SchedulerError):
    """The scheduler is in another state than the request needs; for one, this process is not the leader."""


class NotFound(AppError):
    """The named thing does not exist."""


class Gone(AppError):
    """What a cursor points at is kept no longer."""


class Conflict(AppError):
    """The request contradicts the present state."""


class AnswerOutdated(Conflict):
    """The answer is to a question so old that what later answers said may be forgotten; ask again."""


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error within groups of groups that came first."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

"""Who is let in over the REST API."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.access.guesses.repository import GuessRepository
from app.access.guesses.service import GuessService
from app.access.released.repository import ReleasedRepository
from app.access.released.service import ReleasedService
from app.access.repository import AccessRepository
from app.access.service import AccessService
from app.access.users.passwords import Passwords
from app.access.users.repository import UserRepository
from app.access.users.service import UserService
from app.clock import Clock
from app.db.engine import Database
from app.settings import Settings


class AccessWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()

    guesses: providers.Singleton[GuessService] = providers.Singleton(
        GuessService, providers.Singleton(GuessRepository, database)
    )
    users: providers.Singleton[UserService] = providers.Singleton(
        UserService,
        providers.Singleton(UserRepository, database),
        providers.Singleton(Passwords),
        guesses,
        clock,
        settings=settings.provided.sign_in,
    )
    released: providers.Singleton[ReleasedService] = providers.Singleton(
        ReleasedService, providers.Singleton(ReleasedRepository, database), clock
    )
    service: providers.Singleton[AccessService] = providers.Singleton(
        AccessService,
        providers.Singleton(AccessRepository, database),
        users,
        guesses,
        clock,
        settings=settings.provided.api,
    )

"""Rules, their evaluation, and the delivery of what they show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from dependency_injector import containers, providers

from app.alerting.administration import AlertAdministration, DeliveryAdministration
from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.file_receivers import follow_receivers
from app.alerting.delivery.messages import Sender
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import DeliveryWorker
from app.alerting.evaluation.any_database import AnyDatabaseRunner
from app.alerting.evaluation.concurrency import Lanes
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.evaluation.query_session import RuleLogin
from app.alerting.evaluation.repository import AlertRepository
from app.alerting.evaluation.service import AlertService
from app.alerting.history.repository import AlertHistory
from app.alerting.outbox.repository import NotificationOutbox
from app.alerting.rules.book import Book
from app.alerting.rules.parse import OUR_DATABASE
from app.alerting.rules.reload import RuleBook
from app.alerting.state.transitions import Damping
from app.clock import Clock
from app.db.dashboard_role import RULE_READER
from app.db.engine import Database
from app.db.leader import process_name
from app.net.egress_guard import GuardedClients
from app.settings import Settings


def _query_runner(database: Database, settings: Settings, book: Callable[[], Book]) -> AnyDatabaseRunner:
    """Rules read our own database, and those that the book names at the moment."""

    def urls() -> dict[str, str]:
        others = {name: url.get_secret_value() for name, url in book().databases.items()}
        return {**others, OUR_DATABASE: database.address.dsn}

    login = RuleLogin(RULE_READER, settings.database.rules_password_file)
    connections = Lanes(settings.alerting.concurrency).most
    return AnyDatabaseRunner(PostgresRunner(urls, connections=connections, logins={OUR_DATABASE: login}), urls)


class AlertingWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()

    _rules, _messages = settings.provided.alerting, settings.provided.notifications
    rule_book: providers.Singleton[RuleBook] = providers.Singleton(RuleBook.of, _rules)
    channel_file: providers.Singleton[ChannelFile] = providers.Singleton(
        ChannelFile.of, _messages, providers.Callable(follow_receivers, rule_book.provided.sentinel_files)
    )
    outbox: providers.Singleton[NotificationOutbox] = providers.Singleton(NotificationOutbox, channel_file)
    # Rules that are tried come with a book of their own.
    query_runners: providers.Factory[AnyDatabaseRunner] = providers.Factory(
        _query_runner, database, settings, book=rule_book.provided.current
    )
    query_runner: providers.Singleton[AnyDatabaseRunner] = providers.Singleton(
        _query_runner, database, settings, book=rule_book.provided.current
    )
    evaluator: providers.Singleton[RuleEvaluator] = providers.Singleton(RuleEvaluator, query_runner)
    rows: providers.Singleton[AlertRepository] = providers.Singleton(
        AlertRepository,
        database,
        outbox,
        lease=providers.Factory(timedelta, seconds=_rules.lease_seconds),
        damping=providers.Factory(Damping.of, _rules),
        inhibit_wait=providers.Factory(timedelta, seconds=_rules.inhibit_wait),
    )
    service: providers.Singleton[AlertService] = providers.Singleton(
        AlertService, rows, rule_book, evaluator, clock=clock, settings=_rules
    )
    administration: providers.Singleton[AlertAdministration] = providers.Singleton(AlertAdministration, database)
    history: providers.Singleton[AlertHistory] = providers.Singleton(AlertHistory, database)

    # The worker and the heartbeat each close their own.
    sender: providers.Factory[HttpSender] = providers.Factory(
        HttpSender, providers.Factory(GuardedClients), clock, timeout=_messages.timeout_seconds
    )
    deliveries: providers.Singleton[DeliveryRepository] = providers.Singleton(
        DeliveryRepository,
        database,
        providers.Callable(process_name),
        lease=providers.Factory(timedelta, seconds=_messages.lease_seconds),
        sender=providers.Factory(Sender.of, settings),
    )
    delivery_worker: providers.Singleton[DeliveryWorker] = providers.Singleton(
        DeliveryWorker, deliveries, channel_file, sender, clock, settings=_messages, notices=storage.notices
    )
    delivery_administration: providers.Singleton[DeliveryAdministration] = providers.Singleton(
        DeliveryAdministration, database
    )

"""The group `gridkeeper websites`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "list": Lazy(
        "app.cli.websites.reading:list_command", "List the websites that are checked, with the status of each."
    ),
    "show": Lazy("app.cli.websites.reading:show_command", "Show a website, its last results and its last downtimes."),
    "add": Lazy("app.cli.websites.changing:add_command", "Check a website from now on."),
    "edit": Lazy("app.cli.websites.changing:edit_command", "Change how a website is checked; what is left out stays."),
    "pause": Lazy("app.cli.websites.changing:pause_command", "Check a website no more until it is resumed."),
    "resume": Lazy("app.cli.websites.changing:resume_command", "Check a website again, at once."),
    "check": Lazy("app.cli.websites.changing:check_command", "Let the running service check a website now."),
    "try": Lazy(
        "app.cli.websites.try_url:try_command", "Check a URL once and show what came of it, without a database."
    ),
    "acknowledge": Lazy(
        "app.cli.websites.changing:acknowledge_command",
        "Say that a downtime is being looked after, and what is known of it.",
    ),
    "maintenance": Lazy(
        "app.cli.websites.maintenance:maintenance", "Planned maintenance of websites: add, list, remove."
    ),
    "remove": Lazy(
        "app.cli.websites.changing:remove_command", "Forget a website with its results and windows; it asks first."
    ),
    "checks": Lazy(
        "app.cli.websites.reading:checks_command",
        "List the results of a website, the newest first, with each attempt and with what was seen at the other end.",
    ),
    "availability": Lazy(
        "app.cli.websites.reading:availability_command", "Tell how available each website was in a range, by time."
    ),
    "export": Lazy("app.cli.websites.transfer:export_command", "Write all websites as JSON, as import reads them."),
    "import": Lazy("app.cli.websites.transfer:import_command", "Add or change the websites of a file of JSON or YAML."),
    "validate": Lazy(
        "app.cli.websites.transfer:validate_command",
        "Check the file of websites and list every problem of it with its line.",
    ),
}

websites = lazy_typer(TABLE, no_args_is_help=True)

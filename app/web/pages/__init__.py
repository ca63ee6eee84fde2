"""The pages for people; a view asks the services of the REST API and holds no logic."""

PATHS = (
    "/",
    "/data",
    "/data/{series_id}",
    "/data/{series_id}/revisions",
    "/alerts",
    "/alerts/{rest:path}",
    "/work",
    "/work/{rest:path}",
    "/live",
    "/coverage",
    "/coverage/{rest:path}",
    "/quality",
    "/quality/{rest:path}",
    "/sign-in",
    "/sign-out",
    "/account",
    "/account/sign-out",
    "/account/password",
    "/favicon.ico",
    "/favicon.svg",
    "/static/{rest:path}",
)
"""What the pages answer; everything else belongs to health, metrics and API."""

"""Commands on the service and what it runs on."""

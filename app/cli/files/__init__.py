"""Commands on files, without a database."""

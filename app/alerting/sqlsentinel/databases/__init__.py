"""Any database that SQLAlchemy reaches, asked by synchronous drivers in threads: bounded, limited in time, read only."""

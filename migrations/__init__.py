"""Database migrations (alembic). `python -m migrations` brings a database up to date."""

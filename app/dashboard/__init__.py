"""The dashboard's frame: layout, words for numbers, charts, static files, error pages."""

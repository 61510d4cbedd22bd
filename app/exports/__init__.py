"""Exports: corrections, and the data set with them, as files that leave the service."""

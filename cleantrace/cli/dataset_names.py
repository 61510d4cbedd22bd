"""Datasets as people name them on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cleantrace.client import Dataset

if TYPE_CHECKING:
    from cleantrace.client import Client


def find_dataset(client: Client, ref: str) -> Dataset | str:
    """By `name:version`; anything else is taken for an id."""
    name, separator, version = ref.rpartition(":")
    if not separator:
        return ref
    for each in client.datasets(name):
        if each.version == version:
            return each
    raise typer.BadParameter(f"there is no version {version!r} of a dataset {name!r}")

"""Datasets as people name them on the command line."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import typer

from cleantrace.client import Dataset

if TYPE_CHECKING:
    from cleantrace.client import Client


def find_dataset(client: Client, ref: str) -> Dataset | str:
    """By `name:version`; anything else is taken for an id."""
    name, separator, version = ref.rpartition(":")
    if not separator:
        if not _is_id(ref):
            raise typer.BadParameter(
                f"{ref!r} is no id: give a version of a dataset as NAME:VERSION, such as {ref}:1. "
                "See: cleantrace datasets list"
            )
        return ref
    for each in client.datasets(name):
        if each.version == version:
            return each
    raise typer.BadParameter(f"there is no version {version!r} of a dataset {name!r}")


def _is_id(ref: str) -> bool:
    try:
        uuid.UUID(ref)
    except ValueError:
        return False
    return True

"""A model's files here, wherever it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganzoo.layout import CONFIG, DISCRIMINATOR, WEIGHTS
from ganzoo.models.folder import read_config
from ganzoo.models.hub import ABOUT, Access, download, needed
from ganzoo.models.references import Place


def fetch_about(place: Place, access: Access = Access()) -> Place:  # noqa: B008
    """The place with its folder, in which are at least the small files that tell what it is.

    Of a model on the Hub the commit is known from then on. Raises GanzooError where there is
    none, or it is no model of ganzoo's, before anything large is downloaded.
    """
    if place.hub is None:
        return place
    folder = download(place.hub, ABOUT, access)
    needed(folder, place.hub, CONFIG)
    read_config(folder)
    return Place("hub", place.name, folder, place.hub.at_commit(folder.name))


def fetch_weights(place: Place, access: Access = Access(), more: Sequence[str] = ()) -> Path:  # noqa: B008
    """The folder of a place that `fetch_about` returned, with the weights and `more` in it."""
    assert place.path is not None
    if place.hub is None:
        return place.path
    folder = download(place.hub, (WEIGHTS, *more), access)
    needed(folder, place.hub, WEIGHTS)
    return folder


def fetch_all(place: Place, access: Access = Access()) -> Place:  # noqa: B008
    """The place with all files that training can go on from, the discriminator among them."""
    place = fetch_about(place, access)
    return Place(place.kind, place.name, fetch_weights(place, access, [DISCRIMINATOR]), place.hub)

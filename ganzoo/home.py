"""Where ganzoo keeps what belongs to the user: GANZOO_HOME, else the platform's own folders."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from ganzoo.errors import GanzooError


def models_home() -> Path:
    """The local registry: GANZOO_HOME/models, else ganzoo/models in the user's data folder."""
    home = _home()
    return (home or platformdirs.user_data_path("ganzoo", appauthor=False)) / "models"


def data_home() -> Path:
    """Downloaded data sets: GANZOO_HOME/data, else ganzoo/data in the user's cache folder."""
    home = _home()
    return (home or platformdirs.user_cache_path("ganzoo", appauthor=False)) / "data"


def decoded_home() -> Path:
    """Decoded samples: GANZOO_HOME/decoded, else ganzoo/decoded in the user's cache folder. It can
    be deleted at any time."""
    home = _home()
    return (home or platformdirs.user_cache_path("ganzoo", appauthor=False)) / "decoded"


def features_home() -> Path:
    """Features of real samples and of noise: GANZOO_HOME/features, else ganzoo/features in the
    user's cache folder. It can be deleted at any time."""
    home = _home()
    return (home or platformdirs.user_cache_path("ganzoo", appauthor=False)) / "features"


def executions_home() -> Path:
    """What was measured to decide how runs are computed: GANZOO_HOME/executions, else
    ganzoo/executions in the user's cache folder."""
    home = _home()
    return (home or platformdirs.user_cache_path("ganzoo", appauthor=False)) / "executions"


def _home() -> Path | None:
    home = os.environ.get("GANZOO_HOME")
    if not home:
        return None
    try:
        return Path(home).expanduser()
    except RuntimeError as error:  # of ~nobody
        raise GanzooError(f"GANZOO_HOME={home}: {error}") from None

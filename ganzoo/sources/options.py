"""The options of data: those of all data, and those of a reader or of a kind of sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import pydantic
from pydantic import Field
from pydantic.fields import FieldInfo

from ganzoo.entries import KindEntry, ReaderEntry
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError, unknown
from ganzoo.options import Options, make
from ganzoo.plugins import catalogue


class Data(Options):
    """Which data, and in what form.

    Further options are those of the data's reader and of its kind of sample: `others`. They are
    validated by `make_data`, and once more when the data has been read and its kind is known.
    """

    model_config = pydantic.ConfigDict(extra="allow")

    source: str | None = Field(
        None,
        min_length=1,
        description="a name, a path or hf://datasets/OWNER/NAME, each also with :split",
        json_schema_extra={"flag": "--data", "repeat": "always"},
    )
    reader: str | None = Field(
        None, min_length=1, description="which reader to use, if several could read a path"
    )
    subset: str | None = Field(
        None, min_length=1, description="of a data set on the Hub that has several"
    )
    in_memory: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="decode all once and keep it; auto: if it takes up to a quarter of the memory",
        json_schema_extra={"repeat": "never"},
    )
    cache: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="keep decoded images on the disk; auto: those not in memory, if they take half "
        "of the free space or less",
        json_schema_extra={"repeat": "never"},
    )
    workers: int = Field(
        2,
        ge=0,
        description="processes that decode what is not in memory",
        json_schema_extra={"repeat": "never"},
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_unset(cls, values: Any) -> Any:
        """An option of a reader or a kind that is null is not given at all."""
        if not isinstance(values, Mapping):
            return values
        return {k: v for k, v in values.items() if v is not None or k in cls.model_fields}

    @property
    def others(self) -> dict[str, Any]:
        """The options that are a reader's or a kind's."""
        return dict(self.__pydantic_extra__ or {})


def make_data(values: Mapping[str, Any]) -> Data:
    """The options of data, validated. Raises GanzooError that names the option; of an unknown one,
    the nearest among those of all data, of readers and of kinds."""
    data = make(Data, values, "data", "data.")
    for key, value in data.others.items():
        models = [model for model in other_options(data.reader) if key in model.model_fields]
        if not models:
            known = {*other_fields(data.reader), *Data.model_fields}
            raise unknown("option of data", key, known)
        data = data.model_copy(update={key: _validated(models, key, value)})
    return data


def _validated(models: list[type[Options]], key: str, value: Any) -> Any:
    """An option as the first of `models` that takes it has it: several may have one of its name."""
    faults = []
    for model in models:
        try:
            return make(model, {key: value}, "data", "data.").model_dump(mode="json")[key]
        except GanzooError as error:
            faults.append(error)
    raise faults[0]


def options_of(entry: ReaderEntry | KindEntry) -> type[Options]:
    """The class of the options of a reader or a kind; `Options` itself where it has none."""
    if not entry.options:
        return Options
    model: Any = Entry(entry.name, entry.options).load()
    if not (isinstance(model, type) and issubclass(model, Options)):
        raise GanzooError(
            f"{entry.name}: its options {entry.options} are not a subclass of ganzoo.Options; that "
            "is a bug in its plugin"
        )
    return model


def kind_options(kinds: Iterable[str]) -> list[type[Options]]:
    """The options of the kinds of sample in `kinds`; of all kinds where that is empty."""
    names = set(kinds)
    entries = catalogue().in_order(KindEntry)
    return [options_of(e) for e in entries if e.options and (not names or e.name in names)]


def other_fields(reader: str | None = None) -> dict[str, FieldInfo]:
    """The options of kinds and of readers, by their names. reader: that is asked for, if any."""
    return {name: field for m in other_options(reader) for name, field in m.model_fields.items()}


def flag_of(key: str) -> str | None:
    """The flag of the command line that an option of a kind or a reader has, such as
    ``--image-size``."""
    for model in other_options():
        field = model.model_fields.get(key)
        extra = None if field is None else field.json_schema_extra
        if isinstance(extra, dict) and "flag" in extra:
            return str(extra["flag"])
    return None


def check_others(data: Data, kind: str, reader: ReaderEntry | None) -> None:
    """Raise GanzooError where an option is neither the reader's nor that of the data's kind."""
    if not data.others:
        return
    entry = catalogue().entries(KindEntry).get(kind)
    known = {*_fields(entry), *_fields(reader)}
    for key, value in data.others.items():
        if key in known:
            continue
        owners = [e for e in catalogue().in_order(KindEntry) if key in _fields(e)]
        readers = [e for e in catalogue().in_order(ReaderEntry) if key in _fields(e)]
        name = flag_of(key) or f"data.{key}={value}"
        if owners:
            raise GanzooError(f"{name} is for samples of kind {owners[0].name}, not {kind}")
        if readers:
            names = " or ".join(entry.name for entry in readers)
            raise GanzooError(f"{name} is for what the reader {names} reads")
        raise unknown("option of data", key, {*known, *Data.model_fields})


def _fields(entry: ReaderEntry | KindEntry | None) -> Iterable[str]:
    return () if entry is None else options_of(entry).model_fields


def other_options(reader: str | None = None) -> Iterator[type[Options]]:
    """The options of the reader that is asked for, or of every one; and of all kinds."""
    for entry in catalogue().in_order(ReaderEntry):
        if entry.options and reader in (None, entry.name):
            yield options_of(entry)
    yield from kind_options(())

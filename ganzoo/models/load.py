"""From what the user names as MODEL to networks."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.devices import checked_device, checked_dtype, on_cpu
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError
from ganzoo.layout import INPUTS
from ganzoo.models.build import build_network, prepare, versions_note
from ganzoo.models.generator import Generator
from ganzoo.models.hub import Access
from ganzoo.models.references import reference_to
from ganzoo.models.stored import StoredModel
from ganzoo.plugins import catalogue, is_here, remedy


@on_cpu()
def load(
    model: str | os.PathLike[str],
    *,
    step: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | str | None = None,
    architecture: type[Architecture] | None = None,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Generator:
    """Load a generator: of a run, a model folder, the registry, bundled, or ``hf://owner/name``.

    step: of a run, the step whose checkpoint is wanted. device, dtype: where to, and the type of
    the weights (``torch.bfloat16`` or ``"bfloat16"``). architecture: the class, where no
    installed plugin offers it.

    For a model on the Hub: revision, a branch, a tag or a commit (also ``hf://owner/name@v1``);
    the rest is as in huggingface_hub, whose cache keeps what was downloaded.

    Nothing that comes with a model is executed or unpickled. Raises GanzooError where there is no
    such model or it cannot be loaded, WorkFailed where the Hub does not answer.
    """
    target, weights_type = checked_device(device), checked_dtype(dtype)
    check_class(architecture or Architecture)
    access = Access(token, cache_dir, force_download, local_files_only)
    stored = reference_to(model).at(revision).stored(step, access)
    return generator_of(stored, architecture).to(target, weights_type)


@on_cpu()
def load_discriminator(
    model: str | os.PathLike[str],
    *,
    step: int | None = None,
    device: str | torch.device = "cpu",
    architecture: type[Architecture] | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> nn.Module:
    """Load the discriminator of a run, or of a model that was saved or published with it.

    It is in eval mode and takes what the architecture's discriminator takes: samples in the
    model's range, and labels where it is conditional. The rest is as in `load`. Raises
    GanzooError where the model has no discriminator.
    """
    target = checked_device(device)
    check_class(architecture or Architecture)
    stored = reference_to(model).at(revision).stored(step, Access(token))
    instance, weights = prepare(stored, architecture_of(stored, architecture), ["discriminator"])
    if "discriminator" not in weights:
        raise GanzooError(stored.lacks("discriminator"))
    note = versions_note(stored.config.architecture, stored.config.plugin)
    return build_network(instance.build_discriminator, weights["discriminator"], note).to(target)


def generator_of(stored: StoredModel, architecture: type[Architecture] | None = None) -> Generator:
    """The generator of a stored model, on the CPU, with its partners.

    Raises GanzooError where it is damaged, or made by a plugin that is not installed. Nothing
    large is read or built before all that is known.
    """
    about = stored.about
    architecture = architecture_of(stored, architecture)
    instance, weights = prepare(stored, architecture, ["average", "partners"])
    note = versions_note(stored.config.architecture, stored.config.plugin)
    network = build_network(instance.build_generator, weights["average"], note)
    partners = nn.ModuleDict()
    if "partners" in weights:
        partners = build_network(
            lambda: nn.ModuleDict(instance.build_partners()), weights["partners"], note
        )
    name, source = stored.config.architecture, stored.source
    generator = Generator(instance, network, name, about, source, stored.revision)
    generator.partners = partners
    if instance.input_spec is not None:
        generator.inputs = _examples(stored, generator)
    return generator


def _examples(stored: StoredModel, generator: Generator) -> Tensor | None:
    """The stored examples of what a generator works from, as it takes them."""
    inputs = stored.inputs()
    try:
        return None if inputs is None else generator.checked_inputs(inputs)
    except GanzooError as error:
        raise GanzooError(f"{stored.source}, {INPUTS}: {error}") from None


def remember(architecture: type[Architecture]) -> None:
    """Let `find_architecture` find a class that nobody packaged, by its name, in this process."""
    _remembered[architecture.__name__] = architecture


_remembered: dict[str, type[Architecture]] = {}


def find_architecture(name: str, reference: PluginReference | None = None) -> type[Architecture]:
    """The architecture called `name`; the nearest is suggested where there is none.

    reference: the plugin that a run or a model had it from. Raises GanzooError where that is not
    here, with what to do, and where another plugin offers an architecture of that name.
    """
    if reference is not None and reference.is_empty and name in _remembered:
        return _remembered[name]
    known = catalogue()
    entry = known.entries(ArchitectureEntry).get(name)
    if entry is None and reference is not None and not is_here(reference):
        raise GanzooError(f"architecture {name!r} is not here; {remedy(reference)}")
    if entry is None:
        origin = f"It comes from {reference.origin}. " if reference is not None else ""
        entry = known.find(ArchitectureEntry, name, f"{origin}See: ganzoo list")
    here = known.plugin_of(entry).reference
    if reference is not None and not reference.is_empty and not here.same_plugin(reference):
        raise GanzooError(
            f"architecture {name!r} is of another plugin: here it is of {here.origin}, and what is "
            f"to be loaded was made with that of {reference.origin}; {remedy(reference)}. Or, "
            "from Python, pass architecture= with its class"
        )
    architecture: type[Architecture] = entry.load()
    return architecture


def architecture_of(
    stored: StoredModel, architecture: type[Architecture] | None
) -> type[Architecture]:
    """The class that was given, or the one that the model is of."""
    config = stored.config
    return architecture or find_architecture(config.architecture, config.plugin)


def check_class(architecture: object) -> None:
    """Raise GanzooError where an object is not an architecture."""
    if not (isinstance(architecture, type) and issubclass(architecture, Architecture)):
        raise GanzooError(f"architecture {architecture!r} is not a subclass of ganzoo.Architecture")

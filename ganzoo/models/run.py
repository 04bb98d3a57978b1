"""A run that can be published."""

from __future__ import annotations

from ganzoo.architecture import Architecture
from ganzoo.models.publish import publish
from ganzoo.models.upload import Published, Wanted
from ganzoo.runs.folder import RunFolder


class Run(RunFolder):
    """A run on the disk. `ganzoo.train` and `ganzoo.resume` return one; `ganzoo.load` takes one.

    path: the folder. config: how to repeat it. checkpoints: its `Checkpoints`.
    """

    def publish(
        self,
        name: str,
        *,
        step: int | None = None,
        private: bool = False,
        revision: str | None = None,
        create_pr: bool = False,
        dry_run: bool = False,
        discriminator: bool = False,
        license: str | None = None,
        token: str | None = None,
        architecture: type[Architecture] | None = None,
    ) -> Published:
        """Publish the run's model as ``hf://owner/name``, in one commit, or none if it is there.

        step: the step whose checkpoint is wanted. private: of a repository that is made now.
        revision: a branch that is there, or a tag for the commit. create_pr: as a pull request.
        dry_run: only tell which files would go. discriminator: send it along, so that others can
        go on training. license: an identifier of the Hub's. token: instead of the one that was
        logged in with. architecture: the class, where no installed plugin offers it.

        Raises GanzooError for what the caller can mend, WorkFailed where the Hub fails; the
        model there is then as it was before, or the message says what of it was done.
        """
        wanted = Wanted(private, revision, create_pr, token, license, discriminator)
        return publish(self, name, wanted, step=step, dry_run=dry_run, architecture=architecture)

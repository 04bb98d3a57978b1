"""What mkdocs.yml adds to the pages in docs/: the pages that lie above them, and links that hold.

A page of the repository also links to code. The site has no code, so such a link becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parent.parent
#: Pages above docs/, and what they are called on the site.
ABOVE: Final = {
    "README.md": "index.md",
    **{name: name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")},
}
LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(#[^)]*)?\)")
PICTURE: Final = re.compile(r"(!\[[^\]]*\])\(docs/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages above docs/."""
    for source, name in ABOVE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: object) -> str:
    """A page whose links lead to pages of the site, or are none."""
    source = {name: source for source, name in ABOVE.items()}.get(page.file.src_uri)
    where = "" if source else "docs"  # the folder of the page in the repository

    def replaced(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join(where, target))
        name = ABOVE.get(path, path.removeprefix("docs/"))
        on_site = path in ABOVE or path.startswith("docs/")
        return f"[{text}]({name}{anchor})" if on_site and name in files.src_uris else text

    return PICTURE.sub(r"\1(", LINK.sub(replaced, markdown))

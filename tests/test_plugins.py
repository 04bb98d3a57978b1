"""Discovery: a broken or clashing plugin takes no other down, and is told of."""

from __future__ import annotations

import json
import subprocess
import sys
import time

GOOD = """
from ganzoo import ArchitectureEntry, hookimpl

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry({name!r}, "nowhere:Net", summary="a test")
"""

BROKEN = {
    "syntax-error": "def (",
    "missing-import": "import a_module_that_is_nowhere",
    "exits": "import sys; sys.exit(3)",
    "raises-in-hook": """
from ganzoo import hookimpl
@hookimpl
def ganzoo_architectures():
    raise RuntimeError("hook burst")
""",
    "wrong-signature": """
from ganzoo import hookimpl
@hookimpl
def ganzoo_architectures(surprise):
    return []
""",
    "mistyped": """
from ganzoo import hookimpl
@hookimpl
def ganzoo_architecture():
    return []
""",
    "wrong-entry": """
from ganzoo import hookimpl
@hookimpl
def ganzoo_architectures():
    return ["dcgan2"]
""",
    "clash": GOOD.format(name="dcgan"),
}


def test_first_party_plugins_come_through_entry_points(ganzoo):
    report = json.loads(ganzoo("plugins", "--json").stdout)
    by_name = {plugin["name"]: plugin for plugin in report}
    for name in ("vanilla", "dcgan", "wgan-gp"):
        assert by_name[name]["entries"] == [name]
        assert by_name[name]["distribution"] == "torch-ganzoo"
        assert by_name[name]["problems"] == []
    only = json.loads(ganzoo("plugins", "--json", GANZOO_PLUGINS="vanilla").stdout)
    assert [plugin["name"] for plugin in only] == ["core", "vanilla"]


def test_broken_plugins_take_no_other_down(ganzoo, distribution):
    for name, code in BROKEN.items():
        distribution(f"ganzoo-{name}", code)
    site = distribution("ganzoo-fine", GOOD.format(name="fine"))
    listed = ganzoo("list", "--json", PYTHONPATH=str(site))
    assert listed.returncode == 0
    names = {row["name"] for row in json.loads(listed.stdout)}
    assert {"vanilla", "dcgan", "wgan-gp", "fine"} <= names
    for name in BROKEN:
        warnings = [line for line in listed.stderr.splitlines() if f"ganzoo-{name}:" in line]
        assert len(warnings) == 1, (name, listed.stderr)
    assert "Traceback" not in listed.stderr

    report = json.loads(ganzoo("plugins", "--json", PYTHONPATH=str(site)).stdout)
    causes = {plugin["name"]: " ".join(plugin["problems"]) for plugin in report}
    assert "SyntaxError" in causes["ganzoo-syntax-error"]
    assert "a_module_that_is_nowhere" in causes["ganzoo-missing-import"]
    assert "hook burst" in causes["ganzoo-raises-in-hook"]
    assert "surprise" in causes["ganzoo-wrong-signature"]
    assert "ganzoo_architecture" in causes["ganzoo-mistyped"]
    assert "ganzoo-clash 1.2" in causes["ganzoo-clash"]
    assert "torch-ganzoo" in causes["ganzoo-clash"]
    assert causes["ganzoo-fine"] == ""

    strict = ganzoo("list", PYTHONPATH=str(site), GANZOO_STRICT_PLUGINS="1")
    assert strict.returncode == 2
    assert "hook burst" in strict.stderr


def test_a_plugin_that_prints_does_not_spoil_json(ganzoo, distribution):
    site = distribution("ganzoo-loud", "print('hello')\n" + GOOD.format(name="loud"))
    listed = ganzoo("list", "--json", PYTHONPATH=str(site))
    assert "loud" in {row["name"] for row in json.loads(listed.stdout)}


def test_a_broken_network_is_told_when_it_is_used(ganzoo, distribution):
    site = distribution("ganzoo-fine", GOOD.format(name="fine"))
    used = ganzoo("info", "fine", PYTHONPATH=str(site))
    assert used.returncode == 2
    assert "nowhere" in used.stderr
    assert "Traceback" not in used.stderr


def test_unknown_name_in_ganzoo_plugins(ganzoo):
    result = ganzoo("list", GANZOO_PLUGINS="vanila")
    assert result.returncode == 2
    assert "'vanilla'" in result.stderr


def test_list_imports_no_torch_and_takes_a_fifth_of_it():
    code = "import sys; sys.argv = ['ganzoo', 'list']; from ganzoo.cli import main\n"
    code += "try: main()\nfinally: assert not {'torch', 'pydantic', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def seconds(*args: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *args], check=True, capture_output=True)
        return time.perf_counter() - start

    pairs = [(seconds("-m", "ganzoo", "list"), seconds("-c", "import torch")) for _ in range(4)]
    ratios = sorted(listing / torch for listing, torch in pairs)
    assert ratios[1] <= 0.2, ratios

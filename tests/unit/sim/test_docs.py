"""The page about the simulator names everything that there is."""

import re
from pathlib import Path

import pytest
import yaml

from xroute.config.load import load
from xroute.gateway.compose import compose
from xroute.sim import ask, plan
from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import script

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()


def rows():
    """Names in the first two cells of the page's tables."""
    cells = [line.split("|")[1:3] for line in PAGE.splitlines() if line.startswith("|")]
    return set(re.findall(r"`([^`]+)`", " ".join(cell for pair in cells for cell in pair)))


@pytest.mark.parametrize("name", [*plan.KINDS, *plan.FAULT_KEYS, *plan.PROFILE_KEYS, *ask.CONTROLS])
def test_it_is_in_a_table(name):
    assert name in rows()


@pytest.mark.parametrize("name", ["fault", *ask.CONTROLS])
def test_its_header_is_in_a_table(name):
    assert "x-sim-" + name.replace("_", "-") in rows()


def test_the_faults_of_its_examples_can_be_read():
    written = [*re.findall(r"--fault (\S+)", PAGE), *re.findall(r'"(\w+:p=\S+?)"', PAGE)]
    assert len(written) >= 5
    for text in written:
        plan.parse_fault(text)


def test_the_profiles_of_its_examples_can_be_read():
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    profiles = [plan.Profile.from_dict(block["sim"]) for block in blocks if "sim" in block]
    assert [len(profile.faults) for profile in profiles] == [2]


# Paths that the table writes without what stands before them.
SHORT = ("/converse-stream", "/count-tokens", "/invoke", "/invoke-with-response-stream")


def addresses():
    """The paths in the first table of dialects and that of the other operations."""
    section = PAGE.partition("## The dialects")[2].partition("### Pointing")[0]
    root, found = "", []
    for path in re.findall(r"`([/:.][^` ]*/?[^` ]*)`", section):
        is_short = path.startswith(":") or path in SHORT
        if not is_short and "{model}" in path:
            root = path.rpartition(":")[0] if ":" in path else path.rpartition("/")[0]
        found.append(root + path if is_short else path)
    return [path for path in found if path.rpartition("/")[2] not in ("v1", "l", "models", "tags")]


def test_every_address_is_answered():
    assert len(addresses()) > 25
    for path in addresses():
        steps = script(SimRequest("POST", path.replace("{model}", "m"), {}, b"{}"), Profile(), 1, 0.0)
        assert next(steps).status != 404, path


def test_the_configs_of_its_examples_can_be_used(tmp_path):
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "providers:" in block]
    assert len(blocks) == 3
    for block in blocks:
        file = tmp_path / "xroute.yaml"
        file.write_text(block)
        scene = compose(load(file, {"HOME": str(tmp_path)}))
        for section in yaml.safe_load(block)["providers"].values():
            assert all(scene.fleet.lineup(model["serves"]).groups for model in section["models"])

"""The page about the simulator names everything that there is."""

import re
from pathlib import Path

import pytest
import yaml

from xroute.sim import ask, plan

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

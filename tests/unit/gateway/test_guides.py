"""The configs in the guides are configs: each of them makes a fleet."""

import json
import re
from pathlib import Path

import pytest
from tests.unit.gateway.composing import Desk

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs/operations.md", *sorted((ROOT / "docs/guide").glob("*.md"))]
SERVICE = json.dumps({"type": "service_account", "project_id": "p"})


def configs() -> list[tuple[str, str]]:
    """(page and place, text) of each config."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.S)
        found += [(f"{page.name} {number}", text) for number, text in enumerate(blocks, 1)]
    return found


@pytest.mark.parametrize(("name", "text"), configs(), ids=lambda value: value.partition("\n")[0])
def test_a_config_of_a_guide_makes_a_fleet(name, text, tmp_path):
    (tmp_path / "service-account.json").write_text(SERVICE)
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "secret-0123456789")
    if "AWS_ACCESS_KEY_ID" in variables:
        variables["AWS_ACCESS_KEY_ID"] = "AKIA0123456789ABCDEF"
    if "GOOGLE_SERVICE_ACCOUNT_JSON" in variables:
        variables["GOOGLE_SERVICE_ACCOUNT_JSON"] = SERVICE
    scene = Desk(tmp_path).scene(text.replace("/etc/xroute", str(tmp_path)), **variables)
    assert scene.simulated is ("providers:" not in text)
    assert all(not host.problem for host in scene.fleet.hosts.values())


def test_what_needs_a_signature_or_a_token_is_signed(tmp_path):
    (tmp_path / "service-account.json").write_text(SERVICE)
    signers = []
    for name, text in configs():
        if not name.startswith("credentials.md"):
            continue
        variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "secret-0123456789")
        variables |= {"AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF", "GOOGLE_SERVICE_ACCOUNT_JSON": SERVICE}
        scene = Desk(tmp_path).scene(text.replace("/etc/xroute", str(tmp_path)), **variables)
        for host in scene.fleet.hosts.values():
            signers += [type(signer).__name__ for signer in host.signers if signer is not None]
    assert set(signers) == {"AwsSigner", "GoogleSigner", "TokenSigner"}
    assert signers.count("AwsSigner") == 3
    assert signers.count("GoogleSigner") == 3
    assert signers.count("TokenSigner") == 3

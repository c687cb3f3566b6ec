"""Scripts in Node that drive a client from npm and print what they saw."""

import json
import shutil
import subprocess

import pytest
from tests.e2e.servers import ROOT, environ

JS = ROOT / "tests/e2e/js"


def run(script, gateway, home, *packages, models=()):
    """What a script printed; the test is skipped where Node or a package is missing."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for package in packages:
        if not (JS / "node_modules" / package).is_dir():
            pytest.skip(f"the npm package {package} is not installed: `make test` does that where npm is")
    given = {"KEY": gateway.key, "URL": gateway.url, "ORIGIN": gateway.origin, "MODELS": json.dumps(models)}
    env = environ(home, given)
    command = ["node", script]
    done = subprocess.run(command, cwd=JS, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

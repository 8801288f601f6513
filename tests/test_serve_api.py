"""Tests the server against its OpenAPI description with schemathesis."""

import subprocess
import sys

import pytest

# A schema cannot tell which bytes are an image and which list is a tensor.
UNTOLD = "positive_data_acceptance"


@pytest.mark.slow
def test_the_server_does_what_its_description_says(server, tmp_path):
    pytest.importorskip("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"]
    options = [f"--exclude-checks={UNTOLD}", "--max-examples=40", "--seed=1", "--no-color"]
    run = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert not any("Traceback" in line for line in server.log), "".join(server.log)

"""What ``/openapi.json`` says is so: a tool that nobody here wrote tries to prove the contrary."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SECRET

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)
"""All that it has, but one: that whatever fits the schema is accepted. No schema can tell an alert from other JSON."""


def test_schemathesis_finds_nothing(drill, served, tmp_path: Path):
    pytest.importorskip("schemathesis", reason="schemathesis is not installed here")
    here = served(drill())
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{here.url}/openapi.json"]
    command += ["--header", f"X-Remediate-Secret: {SECRET}", "--checks", ",".join(CHECKS), "--seed", "1"]
    command += ["--max-examples", "25", "--continue-on-failure", "--request-timeout", "30", "--no-color"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout
    assert "Tested: 5" in done.stdout
    assert re.search(r'remediate_deliveries_total{answer="queued"} \d', here.get("/metrics").text)

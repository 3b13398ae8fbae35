"""Asks the service for what nobody would, as schemathesis makes it of /openapi.json.

    python .ci/fuzz_service.py --program PATH [--examples 600] [--seed 0]

The real server, with a token and a worker that paints at once; jobs are taken till the queue is
full, and not painted. No answer may be a 5xx other than 503, which /readyz gives where there is no
worker, or another one than the description has. Events are left out, as they do not end.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.harness.served import Served  # noqa: E402

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "unsupported_method", "ignored_auth"),
)
SETTINGS = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]\n'
TOKEN = "secret"


def main() -> None:
    """Serve, ask; the exit code is schemathesis'."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--program", type=Path, required=True, help="schemathesis")
    parser.add_argument("--examples", type=int, default=600, help="of each path and method")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # Nor does the service go on then.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "schemathesis.toml").write_text(SETTINGS)
        served = Served(folder, "--workers=0", "--threads=1", f"--token={TOKEN}")
        try:
            served.client()
            command = [options.program.resolve(), "run", f"{served.url}/openapi.json"]
            command += ["--checks", ",".join(CHECKS), "--exclude-path-regex", "events"]
            command += ["--header", f"Authorization: Bearer {TOKEN}", "--request-timeout", "90"]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed)]
            command += ["--generation-database", "none"]
            sys.exit(subprocess.run(command, cwd=folder).returncode)
        finally:
            served.end()


if __name__ == "__main__":
    main()

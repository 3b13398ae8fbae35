"""Programs that tests start, which a machine may not have."""

import os
import shutil

import pytest


def program(name):
    """Its path; without it the test is skipped, or fails where `CI` is set."""
    path = shutil.which(name)
    if path is None:
        told = f"needs {name}: apt-get install {name}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return path

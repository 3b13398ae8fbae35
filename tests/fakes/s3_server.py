"""A store of objects that speaks as S3 does, for tests: moto, in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import boto3


class S3Server:
    """One with an empty bucket; what reaches it are the variables of `environment`."""

    bucket = "pictures"

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        url = f"http://127.0.0.1:{self._port}"
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        self.environment = {**dict.fromkeys(names, "testing"), "AWS_ENDPOINT_URL": url}
        self.environment["AWS_DEFAULT_REGION"] = "us-east-1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                break
            time.sleep(0.05)
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        self.client.create_bucket(Bucket=self.bucket)

    def names(self):
        """Keys of all objects."""
        told = self.client.list_objects_v2(Bucket=self.bucket)
        return [x["Key"] for x in told.get("Contents", ())]

    def kill(self):
        """As if the network went."""
        self.client.close()
        self._process.kill()
        self._process.wait()

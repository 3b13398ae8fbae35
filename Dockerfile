# The service and its workers: docker build -t stylize-tf .
FROM python:3.11-slim

# With the TensorFlow of Intel's and AMD's processors; "tensorflow,serve" on Arm, "gpu,serve" for
# NVIDIA's GPUs.
ARG EXTRAS="cpu,serve"
# What reaches results that lie in no folder: "s3fs" for s3://, "gcsfs" for gs://.
ARG PACKAGES=""

ENV PYTHONUNBUFFERED=1 KERAS_HOME=/opt/keras

WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY stylize_tf stylize_tf
RUN pip install --no-cache-dir ".[${EXTRAS}]" ${PACKAGES} && stylize-tf fetch-weights

# Nothing of it is written to but /jobs, where the pictures are, and /tmp.
RUN useradd --uid 10001 --no-create-home stylize && mkdir /jobs && chown stylize /jobs
ENV HOME=/tmp STYLIZE_TF_OFFLINE=1
USER 10001
WORKDIR /jobs

EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
ENTRYPOINT ["stylize-tf"]
CMD ["serve", "--host", "0.0.0.0", "--results", "/jobs"]

# syntax=docker/dockerfile:1
# Two images from one file:  docker build --target api .   docker build --target worker .
# BASE may be any Debian-like image with Python 3.11 to 3.13 and venv.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
# More words for pip, such as --index-url of a mirror or of CPU-only builds of torch.
ARG PIP_OPTIONS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python3 -m venv /opt/cleantrace
ENV PATH=/opt/cleantrace/bin:$PATH
# Dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY cleantrace/version.py cleantrace/version.py
RUN mkdir -p app workers migrations \
    && pip install ${PIP_OPTIONS} --constraint constraints.txt '.[api]' \
    && pip uninstall --yes cleantrace

FROM build AS build-api
COPY . .
RUN pip install ${PIP_OPTIONS} --constraint constraints.txt --no-deps .

FROM build AS build-worker
RUN pip install ${PIP_OPTIONS} --constraint constraints.txt '.[worker]' \
    && pip uninstall --yes cleantrace
COPY . .
RUN pip install ${PIP_OPTIONS} --constraint constraints.txt --no-deps .

FROM ${BASE} AS run
RUN groupadd --gid 10001 cleantrace \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent cleantrace \
    && install -d -o cleantrace -g cleantrace -m 0750 /var/lib/cleantrace
ENV PATH=/opt/cleantrace/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CLEANTRACE_ARTIFACTS=/var/lib/cleantrace
WORKDIR /var/lib/cleantrace
USER 10001:10001

FROM run AS worker
COPY --from=build-worker /opt/cleantrace /opt/cleantrace
# A busy worker answers nobody, so what is asked is whether it could reach what it works with.
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["python", "-c", \
    "from app import db, nudges; db.engine().connect().close(); nudges.waiting_in(nudges.SCORING_QUEUE)"]
CMD ["celery", "-A", "workers.celery_app", "worker", "--pool=solo", "-Q", "scans,cpu", \
    "-n", "worker@%h", "--loglevel=INFO", "--without-gossip", "--without-mingle"]

# Last, so that a build that names no target makes the smaller one.
FROM run AS api
COPY --from=build-api /opt/cleantrace /opt/cleantrace
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/api/v1/health', timeout=4)"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", \
    "--timeout-graceful-shutdown", "3"]

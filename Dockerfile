# The service without a database: the embedded server stays out, the database is a container of its own.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/gridkeeper && python -m venv /opt/builder
COPY requirements/build.txt requirements/image.txt requirements/
RUN /opt/builder/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/builder/bin/pip --python /opt/gridkeeper/bin/python install \
        --no-cache-dir --require-hashes --only-binary :all: -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN /opt/builder/bin/python -m hatchling build -t wheel -d dist \
 && /opt/builder/bin/pip --python /opt/gridkeeper/bin/python install --no-cache-dir --no-deps dist/*.whl
# What is left out stands in one list; then every module is imported, with what it imports when it runs.
COPY docker/pruned.txt docker/prune.py docker/check_imports.py docker/
RUN /opt/builder/bin/python docker/prune.py /opt/gridkeeper/lib/python3*/site-packages \
 && /opt/gridkeeper/bin/python -I docker/check_imports.py

FROM ${PYTHON_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Gridkeeper" \
      org.opencontainers.image.description="Keeps European electricity-market data complete, watched and trustworthy" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that whoever grants access to a file can name it; 472 is Grafana's.
RUN groupadd --gid 10001 gridkeeper \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /srv/gridkeeper --shell /usr/sbin/nologin gridkeeper \
 && install -d -m 0755 /srv/gridkeeper \
 # Nothing is installed into a running container.
 && rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/*
COPY --from=build /opt/gridkeeper /opt/gridkeeper
COPY config/examples /srv/gridkeeper/config/examples
ENV PATH=/opt/gridkeeper/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRIDKEEPER_WEB__HOST=0.0.0.0 \
    GRIDKEEPER_LOG__FORMAT=json
WORKDIR /srv/gridkeeper
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('GRIDKEEPER_WEB__PORT') or 8080), timeout=4); c.request('GET', '/health/live'); r = c.getresponse(); print(r.read(500).decode()); sys.exit(r.status != 200)"]
# The program is process 1: it handles the signals and starts no children.
ENTRYPOINT ["gridkeeper"]
CMD ["serve"]

# The service without a database: the embedded server stays out, the database is a container of its own.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/gridkeeper && python -m venv /opt/builder
COPY requirements/build.txt requirements/image.txt requirements/
RUN /opt/builder/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/builder/bin/pip --python /opt/gridkeeper/bin/python install \
        --no-cache-dir --require-hashes --only-binary :all: -r requirements/image.txt \
 # Headers, sources and tests, and the parts of Arrow for remote storage, which nothing here links or imports.
 && cd /opt/gridkeeper/lib/python3*/site-packages \
 && rm -rf pyarrow/include pyarrow/includes pyarrow/src pyarrow/tests lxml/includes \
        pyarrow/*flight* pyarrow/libarrow_s3.so.* pyarrow/_s3fs.*.so \
        pyarrow/libarrow_python.so pyarrow/libarrow_python.so.*.*.* numpy/f2py sqlalchemy/testing \
 && find . -type f \( -name '*.[ch]' -o -name '*.p[yx][idx]' \) -delete \
 && find numpy bottleneck greenlet -type d -name tests -prune -exec rm -rf {} + \
 && /opt/gridkeeper/bin/python -c "import io, pyarrow, pyarrow.parquet as p; p.write_table(pyarrow.table({'a': [1]}), io.BytesIO())"
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN /opt/builder/bin/python -m hatchling build -t wheel -d dist \
 && /opt/builder/bin/pip --python /opt/gridkeeper/bin/python install --no-cache-dir --no-deps dist/*.whl

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
 # A new volume takes over owner and mode of the folder that it is mounted on.
 && install -d -o gridkeeper -g gridkeeper -m 0711 /run/secrets \
 && install -d -m 0755 /srv/gridkeeper \
 # Nothing is installed into a running container.
 && rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/*
COPY --chmod=0755 docker/secrets.sh /usr/local/bin/gridkeeper-secrets
COPY --from=build /opt/gridkeeper /opt/gridkeeper
COPY config /srv/gridkeeper/config
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

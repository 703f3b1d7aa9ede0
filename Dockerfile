# The worker as an image: `docker build -t fieldsync .`
# Both stages use one base, so that the environment made in the first finds its Python in the second.
# Pin it by digest where builds have to be the same for ever: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build

# What builds the wheel stays in this stage.
COPY requirements/build.txt requirements/
RUN python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt

# What is shipped: exactly what is locked. This layer is built again only when the lock changes.
COPY requirements/runtime.txt requirements/
RUN python -m venv --without-pip /opt/fieldsync \
    && /tools/bin/pip --python /opt/fieldsync/bin/python install --no-cache-dir --disable-pip-version-check \
        --compile --require-hashes -r requirements/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY storage storage
COPY sync sync
RUN /tools/bin/hatchling build -t wheel -d dist \
    && /tools/bin/pip --python /opt/fieldsync/bin/python install --no-cache-dir --disable-pip-version-check \
        --compile --no-index --no-deps dist/*.whl

FROM ${PYTHON_IMAGE}
# By number, so that a cluster that forbids root can see that this is not root. The folder exists with its owner
# before it becomes a volume: a fresh named volume takes both over.
RUN groupadd --gid 10001 fieldsync \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/fieldsync --no-create-home \
        --shell /usr/sbin/nologin fieldsync \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/fieldsync
COPY --from=build /opt/fieldsync /opt/fieldsync

ENV PATH=/opt/fieldsync/bin:$PATH \
    FIELDSYNC_STORAGE__DIR=/var/lib/fieldsync
USER 10001:10001
WORKDIR /var/lib/fieldsync
# The outbox: on a local disk, never on a network share.
VOLUME ["/var/lib/fieldsync"]

# Is the worker alive? Whether entries need a person is another question: fieldsync status --check
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s --retries=3 CMD ["fieldsync", "status", "--alive"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["fieldsync"]
CMD ["run"]

# Keyway's container image.
#
#   docker build --tag keyway .
#   docker run --rm --read-only --tmpfs /tmp \
#       --volume keyway-state:/var/lib/keyway --volume ./keyway.yaml:/etc/keyway/keyway.yaml:ro \
#       --network container:my-service keyway
#
# As long as no identity of callers is configured the gateway listens on loopback only, so publishing its port reaches
# nothing. Run it as a sidecar, in the network namespace of the service that calls it: `--network container:NAME`, or a
# second container of the same Kubernetes pod. The service then calls 127.0.0.1:50051.
#
# To look around without a configuration, over the embedded emulators: docker run --rm --network host keyway serve
#
# The base is pinned by version. Pin it by digest too (python:…@sha256:…) where your registry can be asked for it.
ARG PYTHON_IMAGE=python:3.11.16-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Without pip: the base's own pip installs into the environment, which then never holds one.
RUN python -m venv --without-pip /opt/keyway
COPY requirements.lock ./
RUN python -m pip --python /opt/keyway/bin/python install --no-cache-dir --no-deps --require-hashes \
        --requirement requirements.lock
COPY clients/python clients/python
COPY gateway gateway
COPY pyproject.toml README.md ./
# setuptools, pinned in the lock as well, builds the two packages and has no part in running them.
RUN python -m pip --python /opt/keyway/bin/python install --no-cache-dir --no-deps --no-build-isolation ./clients/python . \
    && python -m pip --python /opt/keyway/bin/python uninstall --yes setuptools \
    && python -m pip --python /opt/keyway/bin/python check

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Keyway" \
      org.opencontainers.image.description="One gRPC contract in front of certificate and key management APIs" \
      org.opencontainers.image.version="0.1.0"
# Modules were compiled when they were installed; the root file system may be read-only.
# PYTHONSAFEPATH: `python -m` must not import from the working directory, which the gateway can write.
ENV PATH="/opt/keyway/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 65532 keyway \
    && useradd --uid 65532 --gid keyway --no-log-init --no-create-home --home-dir /var/lib/keyway \
        --shell /usr/sbin/nologin keyway \
    && install --directory --owner=keyway --group=keyway --mode=0700 /var/lib/keyway \
    && install --directory --mode=0755 /etc/keyway
COPY --from=build /opt/keyway /opt/keyway
# By number: Kubernetes can only tell from a number that the user is not root.
USER 65532:65532
WORKDIR /var/lib/keyway
VOLUME ["/var/lib/keyway"]
STOPSIGNAL SIGTERM
# Asks 127.0.0.1:50051. Where the configuration says `listen` otherwise, override this with --address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "gateway", "health"]
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve", "--config", "/etc/keyway/keyway.yaml"]

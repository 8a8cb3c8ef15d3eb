# Keyway's container image.
#
#   docker build --tag keyway .
#   docker run --rm --read-only --tmpfs /tmp \
#       --volume keyway-state:/var/lib/keyway --volume ./keyway.yaml:/etc/keyway/keyway.yaml:ro \
#       --network container:my-service keyway
#
# Without `identity`, the gateway listens on loopback only, so a published port does not reach it. Run it as a sidecar in
# the network namespace of the calling service: `--network container:NAME`, or a second container in the same Kubernetes
# pod. The service then calls 127.0.0.1:50051.
#
# To try it without a configuration, with the embedded emulators: docker run --rm --network host keyway serve
#
# The base image is pinned by version. Also pin it by digest (python:…@sha256:…) if your registry provides one.
ARG PYTHON_IMAGE=python:3.11.16-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Without pip: the pip of the base image installs into the environment.
RUN python -m venv --without-pip /opt/keyway
COPY requirements.lock ./
RUN python -m pip --python /opt/keyway/bin/python install --no-cache-dir --no-deps --require-hashes \
        --requirement requirements.lock
COPY clients/python clients/python
COPY gateway gateway
COPY deploy/sbom deploy/sbom
COPY pyproject.toml README.md LICENSE NOTICE ./
# setuptools is pinned in the lock. It builds the two packages and is not needed at run time.
RUN python -m pip --python /opt/keyway/bin/python install --no-cache-dir --no-deps --no-build-isolation ./clients/python . \
    && python -m pip --python /opt/keyway/bin/python uninstall --yes setuptools \
    && python -m pip --python /opt/keyway/bin/python check

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Keyway" \
      org.opencontainers.image.description="One gRPC contract in front of certificate and key management APIs" \
      org.opencontainers.image.version="0.1.0"
# Modules are compiled during installation, because the root file system can be read-only.
# PYTHONSAFEPATH: Python must not import from the working directory, which the gateway can write to.
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
# A number, because Kubernetes cannot verify from a name that the user is not root.
USER 65532:65532
WORKDIR /var/lib/keyway
VOLUME ["/var/lib/keyway"]
STOPSIGNAL SIGTERM
# Checks 127.0.0.1:50051. If the configuration sets another `listen`, override this with --address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["keyway-gateway", "health"]
ENTRYPOINT ["keyway-gateway"]
CMD ["serve", "--config", "/etc/keyway/keyway.yaml"]

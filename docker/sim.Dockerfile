# Simulated devices and shoppers. Only readers that publish by MQTT reach an agent in another container. The context is the project's folder:
#   docker build -f docker/sim.Dockerfile -t shelfwise-sim .

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY docker/role_lock.py docker/
COPY pyproject.toml requirements.lock ./
# One lock serves every image; each installs its own part of it, by hash.
RUN python docker/role_lock.py sim <requirements.lock >role.lock \
    && python docker/role_lock.py build <requirements.lock >build.lock \
    && python -m venv /opt/shelfwise \
    && /opt/shelfwise/bin/pip install --require-hashes -r role.lock \
    && pip install --require-hashes -r build.lock
COPY README.md LICENSE ./
COPY contract contract
COPY edge edge
COPY hub hub
COPY dashboard dashboard
COPY firmware_sim firmware_sim
COPY cli cli
RUN pip wheel --no-build-isolation --no-deps --wheel-dir dist . \
    && /opt/shelfwise/bin/pip install --no-deps dist/*.whl \
    && /opt/shelfwise/bin/pip uninstall --yes pip setuptools

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin shelfwise \
    && install -d -o shelfwise -g shelfwise /var/lib/shelfwise
COPY --from=build /opt/shelfwise /opt/shelfwise
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/shelfwise
# The truth is written every second.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s \
    CMD ["/bin/sh", "-c", "test -n \"$(find /tmp/truth.json -mmin -1)\""]
ENTRYPOINT ["/opt/shelfwise/bin/shelfwise"]
CMD ["sim", "run", "--scenario", "popup", "--dir", "/tmp/lines", "--truth", "/tmp/truth.json"]

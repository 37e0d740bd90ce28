# syntax=docker/dockerfile:1

# An image with the binary, the certificates of public authorities, and nothing else.
#
#   docker build -t inwren .

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# The registry and the build stay in the cache, so a change of our code rebuilds only our code.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    ./packaging/static /out/usr/bin/inwren \
    && mkdir -p /out/etc/ssl/certs /out/data \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM scratch
LABEL org.opencontainers.image.title="Inwren Auth" \
    org.opencontainers.image.description="An authentication service" \
    org.opencontainers.image.licenses="MIT"
COPY --from=build /out/usr /usr
COPY --from=build /out/etc /etc
# A new volume gets its owner from this folder.
COPY --from=build --chown=65532:65532 /out/data /data
# The paths of the keys, not the keys.
# hadolint ignore=DL3064
ENV ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:///data/inwren.db \
    PRIVATE_KEY_PATH=/data/keys/private.pem \
    PUBLIC_KEY_PATH=/data/keys/public.pem \
    SECRET_KEY_PATH=/data/keys/secret.keys \
    CORS_ALLOWED_ORIGINS=none \
    LOG_FORMAT=json
WORKDIR /data
VOLUME /data
EXPOSE 8000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["/usr/bin/inwren", "healthcheck"]
ENTRYPOINT ["/usr/bin/inwren"]
CMD ["serve"]

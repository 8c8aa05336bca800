# The production image: one binary, no shell scripts, no root.
#   docker build -t plumbline .

FROM rust:1.95.0-bookworm AS builder
WORKDIR /src
COPY . .
# The pinned toolchain of this image is the one to use; rustup need not fetch another.
ENV RUSTUP_TOOLCHAIN=1.95.0 SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package plumbline-server \
    && cp target/release/plumbline /plumbline

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin plumbline
COPY --from=builder /plumbline /usr/local/bin/plumbline
COPY LICENSE /usr/share/doc/plumbline/LICENSE
USER 10001:10001
ENV PLUMBLINE_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["plumbline", "health"]
ENTRYPOINT ["plumbline"]
CMD ["serve"]

# A static binary, the system's root certificates and nothing else.
#
#   make image
#   docker run -d --network host -v /etc/acsgate:/etc/acsgate:ro \
#       -v acsgate-data:/var/lib/acsgate acsgate:TAG
#
# Host networking is how the gateway should run: behind a bridge it may see the
# bridge's address instead of the CPE's, which breaks `source` rules and limits
# per source, and it would break STUN altogether: the address and port that a
# CPE is seen from, and is answered from, must not be translated on the way.
ARG GO_VERSION=1.26.8

FROM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/acsgate ./cmd/acsgate \
 && mkdir /out/data

FROM scratch
LABEL org.opencontainers.image.title="acsgate" \
      org.opencontainers.image.licenses="Apache-2.0"
# For an https ACS and for ACME; both take a file of their own instead.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/acsgate /usr/local/bin/acsgate
# A volume that is mounted here for the first time takes over this owner.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /var/lib/acsgate
USER 65532:65532
VOLUME /var/lib/acsgate
EXPOSE 7547/tcp
# Unhealthy means that a restart may help. A drain, or ACSs that are down, is no such case.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/acsgate", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/acsgate"]
CMD ["run", "-config", "/etc/acsgate/acsgate.yaml"]

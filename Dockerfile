# An image of nothing but the program, the certificates of authorities, for PostgreSQL with
# sslmode=verify-full, and /data, the one place where the program writes, and only with SQLite:
#
#   docker build -t caregraph --build-arg VERSION=v1.2.0 .
#   docker run --read-only -p 127.0.0.1:8000:8000 -v caregraph:/data caregraph
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION TARGETOS TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH deploy/build /image/caregraph && mkdir /image/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /image/caregraph /
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
# SQLite puts its temporary files here, too: there is no /tmp.
WORKDIR /data
VOLUME /data
ENV ADDR=0.0.0.0:8000
EXPOSE 8000
# An upgrade of the tables may take ten minutes.
HEALTHCHECK --interval=5s --timeout=5s --start-period=10m CMD ["/caregraph", "health"]
ENTRYPOINT ["/caregraph"]

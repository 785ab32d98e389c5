# lorec serve in a container (not built by the tests):
#   docker build -t lorec .
#   docker run -p 8080:8080 -e LOREC_API_KEY=... -v "$PWD/runs:/runs:ro" -v lorec:/var/lib/lorec lorec /runs/first
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential cmake pkg-config curl ca-certificates
COPY . /src
WORKDIR /src
RUN scripts/deps && cmake -S . -B build -DLOREC_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr && cmake --build build -j"$(nproc)" \
    && DESTDIR=/out cmake --install build

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libopenblas0-openmp liblapacke libjansson4 libyaml-0-2 zlib1g \
    libzstd1 libarchive13 libssl3 libcurl4 libpcre2-8-0 libutf8proc2 libsqlite3-0 libpq5 libmicrohttpd12 libgomp1 \
    ca-certificates && rm -rf /var/lib/apt/lists/* && useradd --system --home-dir /var/lib/lorec --create-home lorec
COPY --from=build /out/ /
USER lorec
WORKDIR /var/lib/lorec
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["lorec", "serve", "--listen", "0.0.0.0:8080", "--store", "sqlite:/var/lib/lorec/lorec.db"]

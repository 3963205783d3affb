# One image for gateway and engine; compose says which it runs.
FROM node:24-trixie-slim

# The gateway's HTTP server. By default it is the package that the lockfile names; upstream's own release is taken with
# --build-arg UWEBSOCKETS=<what npm installs it from, such as the address of a release's tarball>.
ARG UWEBSOCKETS=""

WORKDIR /app
# kafkajs sets timers that were due long ago, which is harmless, and Node 24 warns of it.
ENV NODE_ENV=production NODE_OPTIONS=--disable-warning=TimeoutNegativeWarning
COPY package.json package-lock.json ./
# What is optional are binaries of embedded-postgres and of tsx, neither of which runs in here. uWebSockets.js brings one
# binary for each platform and version of Node (220 MB); one of them is ours, and it is loaded to see that it can be.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && if [ -n "$UWEBSOCKETS" ]; then \
      npm install --no-save --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund "uWebSockets.js@$UWEBSOCKETS"; \
    fi \
 && find node_modules/uWebSockets.js -name 'uws_*.node' \
      ! -name "uws_linux_$(node -p 'process.arch + "_" + process.versions.modules').node" -delete \
 && node -e 'require("uWebSockets.js")'
COPY engine engine
COPY gateway gateway
COPY sql sql

# Where a volume with signing keys is mounted: it takes over whose directory it is, and who may read it.
RUN install -d -o node -g node -m 700 /keys

USER node
# Node 24 runs TypeScript as it stands.
CMD ["node", "engine/main.ts"]

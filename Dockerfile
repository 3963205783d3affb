# One image for gateway and engine; the compose file chooses the program.
FROM node:24-trixie-slim

# The gateway's HTTP server. By default it is the package that the lockfile names; for upstream's own release set
# --build-arg UWEBSOCKETS=<a source that npm can install, such as the URL of a release's tarball>.
ARG UWEBSOCKETS=""

WORKDIR /app
# kafkajs sets timers with negative delays, which is harmless, and Node 24 warns of them.
ENV NODE_ENV=production NODE_OPTIONS=--disable-warning=TimeoutNegativeWarning
COPY package.json package-lock.json ./
# The optional packages are binaries: of embedded-postgres and of tsx, neither of which runs in the image, and of argon2 for each
# platform, of which ours is installed and loaded as a check. uWebSockets.js
# has one binary for each platform and version of Node (220 MB); all but ours are deleted, and ours is loaded as a check.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && npm install --no-save --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
      "@node-rs/argon2-linux-$(node -p process.arch)-gnu@$(node -p 'require("./node_modules/@node-rs/argon2/package.json").version')" \
      ${UWEBSOCKETS:+"uWebSockets.js@$UWEBSOCKETS"} \
 && find node_modules/uWebSockets.js -name 'uws_*.node' \
      ! -name "uws_linux_$(node -p 'process.arch + "_" + process.versions.modules').node" -delete \
 && node -e 'require("uWebSockets.js"); require("@node-rs/argon2")'
COPY engine engine
COPY gateway gateway
COPY sql sql

# The mount point of the volume with signing keys: a new volume takes over the directory's owner and mode.
RUN install -d -o node -g node -m 700 /keys

USER node
# Node 24 runs TypeScript without a build.
CMD ["node", "engine/main.ts"]

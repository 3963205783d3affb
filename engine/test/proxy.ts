/** A TCP proxy in front of a real server: to cut the network between the two and to mend it, and to make it slow. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface NetworkProxy {
  readonly port: number;
  /** Cuts what is connected and takes nothing new until `mend`. */
  cut(): void;
  mend(): void;
  /** From now on every byte takes this much longer, each way; nothing overtakes what was sent before. */
  delay(ms: number): void;
  close(): Promise<void>;
}

export async function startProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<NetworkProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let delayMs = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer(client => {
    keep(client);
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(target.port, target.host);
    keep(upstream);
    forward(client, upstream, () => delayMs);
    forward(upstream, client, () => delayMs);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens nowhere');
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    cut() {
      isCut = true;
      cutAll();
    },
    mend() {
      isCut = false;
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Hands on what comes, each piece when its delay is over and all before it have gone. */
function forward(from: Socket, to: Socket, delayMs: () => number): void {
  let before: Promise<void> = Promise.resolve();
  const hand = (piece: () => void): void => {
    const ms = delayMs();
    const due = ms === 0 ? before : new Promise<void>(resolve => setTimeout(resolve, ms));
    before = Promise.all([before, due]).then(() => {
      if (to.writable) piece();
    });
  };
  from.on('data', (bytes: Buffer) => hand(() => to.write(bytes)));
  from.once('end', () => hand(() => to.end()));
}

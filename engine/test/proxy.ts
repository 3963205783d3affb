/** A TCP proxy in front of a real server, to cut and mend the network between two processes, and to make it slow. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NetworkProxy {
  readonly port: number;
  /** Cuts all connections and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
  /** From now on every byte takes this much longer in each direction, in unchanged order. */
  delay(ms: number): void;
  /** From now on, withholds what is sent to the server until `release`; its answers still pass. */
  hold(): void;
  release(): void;
  /** From now on nothing passes on the present connections, and nothing ends them; new ones are served. */
  forsake(): void;
  close(): Promise<void>;
}

export async function startProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<NetworkProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let delayMs = 0;
  let held: Promise<void> | undefined;
  let forsaken = { isSo: false };
  let release = (): void => undefined;
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
    const fate = forsaken;
    const pass = async (due: Promise<unknown>): Promise<void> => {
      await due;
      if (fate.isSo) await never;
    };
    forward(client, upstream, () => pass(Promise.all([held, dueIn(delayMs)])));
    forward(upstream, client, () => pass(dueIn(delayMs)));
    client.once('close', () => fate.isSo || upstream.destroy());
    upstream.once('close', () => fate.isSo || client.destroy());
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
    hold() {
      held ??= new Promise(resolve => {
        release = resolve;
      });
    },
    release() {
      held = undefined;
      release();
    },
    forsake() {
      forsaken.isSo = true;
      forsaken = { isSo: false };
    },
    async close() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}

const never = new Promise<never>(() => undefined);

async function dueIn(ms: number): Promise<void> {
  if (ms > 0) await sleep(ms);
}

/** Forwards data: each piece when it is due and everything before it has been sent. */
function forward(from: Socket, to: Socket, whenDue: () => Promise<unknown>): void {
  let before: Promise<unknown> = Promise.resolve();
  const hand = (piece: () => void): void => {
    before = Promise.all([before, whenDue()]).then(() => {
      if (to.writable) piece();
    });
  };
  from.on('data', (bytes: Buffer) => hand(() => to.write(bytes)));
  from.once('end', () => hand(() => to.end()));
}

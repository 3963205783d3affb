/**
 * Listens on an address and port, unless another process already listens there.
 *
 * uWebSockets.js listens with SO_REUSEPORT, so two gateways could listen on the same port, and the kernel would share the
 * connections out between them. Its exclusive option cannot be used: it omits SO_REUSEADDR as well, so a killed gateway
 * could not restart before its old connections have timed out. So a probe first checks whether the address answers.
 */

import uws, { type TemplatedApp } from 'uWebSockets.js';
import { connect } from 'node:net';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Of the two variables that name it. */
  readonly prefix: 'GATEWAY' | 'ACCOUNTS';
}

/** Listens; resolves to the port, which the system chooses when `port` is 0. */
export async function listen(app: TemplatedApp, endpoint: Endpoint): Promise<number> {
  const { host, port } = endpoint;
  if (port !== 0 && (await somebodyListens(host, port)))
    throw cannotListen(endpoint, 'the address is in use');
  return await new Promise((resolve, reject) => {
    app.listen(host, port, socket => {
      if (socket !== false) resolve(uws.us_socket_local_port(socket));
      else reject(cannotListen(endpoint, 'the address cannot be bound'));
    });
  });
}

const PROBE_TIMEOUT_MS = 1_000;
/** A listener on all addresses is probed at the loopback one. */
const ALL_ADDRESSES = ['0.0.0.0', '::'];

async function somebodyListens(host: string, port: number): Promise<boolean> {
  const socket = connect({
    host: ALL_ADDRESSES.includes(host) ? '127.0.0.1' : host,
    port,
    timeout: PROBE_TIMEOUT_MS,
  });
  const listens = await new Promise<boolean>(resolve => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('timeout', () => resolve(false));
  });
  socket.destroy();
  return listens;
}

function cannotListen({ host, port, prefix }: Endpoint, why: string): Error {
  return new Error(`${prefix}_HOST and ${prefix}_PORT are ${host}:${port}, but ${why}; expected a free one`);
}

/**
 * Listening on an address and a port that nobody else has. Without the exclusive option two gateways could listen on the
 * same port and the kernel would share the connections out between them.
 */
import uws, { type TemplatedApp } from 'uWebSockets.js';

declare module 'uWebSockets.js' {
  interface TemplatedApp {
    /** The native function takes host, port and options; the package's own types know only two of the three. */
    listen(
      host: string,
      port: number,
      options: number,
      listening: (socket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT, which the package's types declare without exporting its value. */
const EXCLUSIVE_PORT = 1;

/** Listens; resolves to the port, which the system chooses when `port` is 0. */
export async function listen(app: TemplatedApp, host: string, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    app.listen(host, port, EXCLUSIVE_PORT, socket => {
      if (socket !== false) resolve(uws.us_socket_local_port(socket));
      else
        reject(
          new Error(
            `cannot listen on ${host}:${port}: choose another GATEWAY_PORT, or 0 for any that is free`,
          ),
        );
    });
  });
}

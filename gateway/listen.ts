/**
 * Listening on an address and a port that nobody else has. Without the exclusive option two gateways could listen on the
 * same port and the kernel would share the connections out between them.
 */
import uws, { type TemplatedApp } from 'uWebSockets.js';

/** The native function takes host, port and options; the package's own types know only two of the three. */
interface ExclusiveListen {
  listen(host: string, port: number, options: number, listening: (socket: object | false) => void): unknown;
}

/** Listens; resolves to the port, which the system chooses when `port` is 0. */
export async function listen(app: TemplatedApp, host: string, port: number): Promise<number> {
  const exclusive: ExclusiveListen = app;
  return await new Promise((resolve, reject) => {
    exclusive.listen(host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, socket => {
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

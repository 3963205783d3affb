/**
 * Preloaded into a process, redirects its connections from port REDIRECT_FROM to port REDIRECT_TO: to a proxy in front of a
 * server that tells clients its own address, as a Kafka broker does, or whose address is not known before the process is
 * started, as that of a suite's database.
 */
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const { connect, Socket } = net;
const { connect: connectSocket } = Socket.prototype;
const { REDIRECT_FROM, REDIRECT_TO } = process.env;

function redirected(address) {
  return String(address.port) === REDIRECT_FROM
    ? { ...address, host: '127.0.0.1', port: Number(REDIRECT_TO) }
    : address;
}

net.connect = (options, ...rest) => connect(redirected(options), ...rest);
// With a port and a host, as node-postgres calls it; `connect` above passes something else.
Socket.prototype.connect = function connectTo(to, ...rest) {
  return typeof to === 'number'
    ? connectSocket.call(this, redirected({ port: to, host: rest[0] }))
    : connectSocket.call(this, to, ...rest);
};
syncBuiltinESMExports();

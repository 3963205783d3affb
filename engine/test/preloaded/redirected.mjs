/**
 * Preloaded into a process, redirects its connections from port REDIRECT_FROM to port REDIRECT_TO: to a proxy in front of a
 * server that tells clients its own address, as a Kafka broker does.
 */
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const { connect } = net;
const { REDIRECT_FROM, REDIRECT_TO } = process.env;

net.connect = (options, ...rest) =>
  String(options.port) === REDIRECT_FROM
    ? connect({ ...options, host: '127.0.0.1', port: Number(REDIRECT_TO) }, ...rest)
    : connect(options, ...rest);
syncBuiltinESMExports();

/**
 * Preloaded into a process, has it connect to the port REDIRECT_TO wherever it would connect to the port REDIRECT_FROM: to a
 * proxy in front of a server that names itself to its clients, as a Kafka broker does.
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

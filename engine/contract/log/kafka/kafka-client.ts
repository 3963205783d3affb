/**
 * kafkajs, in a form that can be ended for certain. Its own `disconnect` may wait forever for answers of a broker that is gone,
 * and it can still retry a send that it has given up; so this class owns its sockets.
 */
import { connect, type Socket } from 'node:net';
import { Kafka, type logCreator, logLevel } from 'kafkajs';
import type { Logger } from 'pino';
import { CONNECT_TIMEOUT_MS } from './kafka-connection.ts';
import { CLIENT_ID } from './kafka-request.ts';

export interface KafkaOptions {
  /** `host:port`, comma-separated. */
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly log: Logger;
  /** A request without an answer by then has failed. */
  readonly requestTimeoutMs: number;
}

const KEEP_ALIVE_MS = 30_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 500;

export class KafkaClient {
  readonly kafka: Kafka;
  readonly #sockets = new Set<Socket>();
  #ended = false;

  /** `retries`: how often kafkajs retries by itself, after 50 ms and then at growing intervals up to 500 ms. */
  constructor(options: Pick<KafkaOptions, 'brokers' | 'log' | 'requestTimeoutMs'>, retries: number) {
    this.kafka = new Kafka({
      clientId: CLIENT_ID,
      brokers: options.brokers.split(','),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs,
      retry: { retries, initialRetryTime: FIRST_RETRY_MS, maxRetryTime: LAST_RETRY_MS },
      socketFactory: ({ host, port, onConnect }) => this.#connect(host, port, onConnect),
      logLevel: levelOf(options.log),
      logCreator: logCreatorFor(options.log),
    });
  }

  /** Ends every connection at once and prevents new ones: this client sends nothing from now on. */
  end(): void {
    this.#ended = true;
    // Only an error makes kafkajs give up requests that wait on the socket, and their timers.
    for (const socket of this.#sockets) socket.destroy(new Error('the client was closed'));
  }

  #connect(host: string, port: number, onConnect: () => void): Socket {
    if (this.#ended) throw new Error('the client was closed');
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    socket.once('connect', onConnect);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    return socket;
  }
}

function logCreatorFor(log: Logger): logCreator {
  return () => entry => {
    const { timestamp: _timestamp, message, ...details } = entry.log;
    // kafkajs' errors too: an outage brings dozens a second, and the caller gets them anyway.
    log.debug(details, `kafkajs: ${entry.namespace === '' ? '' : `${entry.namespace}: `}${message}`);
  };
}

function levelOf(log: Logger): logLevel {
  if (log.isLevelEnabled('trace')) return logLevel.DEBUG;
  return log.isLevelEnabled('debug') ? logLevel.INFO : logLevel.NOTHING;
}

/**
 * Logs that a server is gone, once until it is back, and that it is. Clients connect again by themselves and report every
 * attempt that fails, for ioredis two a second.
 */
import type { Logger } from 'pino';
import { messageOf } from './message-of.ts';

export class OutageLog {
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #server: string;
  #isGone = false;

  /** `server`: its name for humans. */
  constructor(log: Pick<Logger, 'info' | 'warn'>, server: string) {
    this.#log = log;
    this.#server = server;
  }

  /** Call it for each connection that was lost or could not be made. */
  readonly gone = (error: unknown): void => {
    if (this.#isGone) return;
    this.#isGone = true;
    // Not the error itself: that of a connection to Postgres carries the connection, including its secrets.
    this.#log.warn(
      { reason: messageOf(error) },
      `lost the connection to ${this.#server}; trying again until it is back`,
    );
  };

  /** Call it for each connection that was made. */
  readonly back = (): void => {
    if (!this.#isGone) return;
    this.#isGone = false;
    this.#log.info(`connected to ${this.#server} again`);
  };
}

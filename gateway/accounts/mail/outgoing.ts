/**
 * Sends e-mails after the answer: a request never waits for a mail server, so its time does not tell whether an e-mail was due. They wait
 * in memory; a kill loses what waits, and whoever misses an e-mail asks for another.
 *
 * With SMTP_URL they go to that server; without it each becomes a file, for trying things out.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import type { Logger } from 'pino';

export interface Mail {
  /** A normalised address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Delivers one e-mail; rejects if that failed. */
export type Deliver = (mail: Mail) => Promise<void>;

/** Longer: a server that does not answer holds the queue up for longer. */
const SMTP_TIMEOUT_MS = 10_000;
/** Before each further attempt. */
const RETRY_MS = [1_000, 10_000, 60_000] as const;
/** A mail server that is away for long must not fill the memory; a kilobyte each. */
const MOST_WAITING = 10_000;
const AT_ONCE = 4;

/** To a mail server, over at most a few connections. */
export function smtpDelivery(url: string, from: string): Deliver {
  const timeouts = {
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
  };
  const transport = createTransport({ url, ...timeouts });
  return async mail => {
    await transport.sendMail(messageOf(mail, from));
  };
}

/** As files `<time>-<random>.eml` in `directory`, which only its owner can read. */
export function fileDelivery(directory: string, from: string): Deliver {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  return async mail => {
    const { message } = await transport.sendMail(messageOf(mail, from));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const name = `${new Date().toISOString().replaceAll(':', '-')}-${randomBytes(4).toString('hex')}.eml`;
    await writeFile(join(directory, name), Buffer.isBuffer(message) ? message : '', { mode: 0o600 });
  };
}

/**
 * The recipient is an object, which the library writes as it is; it would read a text as a list of addresses. Subjects are constants,
 * and the only text of a request in an e-mail is the normalised address, which has no control characters.
 */
function messageOf({ to, subject, text }: Mail, from: string) {
  if (/[\p{Cc}\s,;<>"]/u.test(to)) throw new Error('the address of an e-mail is not normalised');
  return {
    from,
    to: { name: '', address: to },
    subject,
    text,
    headers: { 'auto-submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

export interface OutgoingParts {
  readonly deliver: Deliver;
  readonly log: Logger;
  /** Called for each e-mail that was sent, given up, or dropped because too many wait. */
  readonly done: (how: 'sent' | 'failed' | 'dropped') => void;
}

export class Outgoing {
  readonly #parts: OutgoingParts;
  readonly #waiting: Mail[] = [];
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: OutgoingParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  send(mail: Mail): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#parts.done('dropped');
      return;
    }
    this.#waiting.push(mail);
    if (this.#running.size < AT_ONCE) this.#start();
  }

  /** Sends what waits, without retries. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  #start(): void {
    const work = this.#work().finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #work(): Promise<void> {
    for (;;) {
      const mail = this.#waiting.shift();
      if (mail === undefined) return;
      await this.#deliver(mail);
    }
  }

  async #deliver(mail: Mail): Promise<void> {
    for (const waitMs of [...RETRY_MS, undefined]) {
      try {
        await this.#parts.deliver(mail);
        return this.#parts.done('sent');
      } catch (error) {
        if (waitMs === undefined || this.#stopping.signal.aborted || !(await this.#waited(waitMs))) {
          // Not the error itself: it may carry the recipient.
          const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
          this.#parts.log.error({ code }, 'an e-mail could not be sent; whoever misses it asks for another');
          return this.#parts.done('failed');
        }
      }
    }
  }

  async #waited(ms: number): Promise<boolean> {
    return await sleep(ms, true, { signal: this.#stopping.signal }).catch(() => false);
  }
}

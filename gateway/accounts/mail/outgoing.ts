/**
 * Sends e-mails after the answer: a request never waits for a mail server, so its time does not tell whether an e-mail was due. They wait
 * in memory; a kill loses what waits, and a fan who misses an e-mail asks for another.
 *
 * With SMTP_URL they go to that server; without it each becomes a file, for trying things out.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Logger } from 'pino';

export interface Mail {
  /** A normalised address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** Absent for most. */
  readonly rank?: Rank;
}

/** A notice goes before all others. What is urgent has places of its own, and goes in turn with the rest, which it cannot hold up. */
export type Rank = 'notice' | 'urgent';

/** Delivers one e-mail; rejects if that failed. */
export type Deliver = (mail: Mail) => Promise<void>;

/** Longer: a server that does not answer holds the queue up for longer. */
const SMTP_TIMEOUT_MS = 10_000;
/** Before each further attempt. Meanwhile others are sent: a few recipients whose server is away hold nobody up. */
const RETRY_MS = [1_000, 10_000, 60_000] as const;
/**
 * A mail server that is away for long must not fill the memory; a kilobyte each, waiting for their turn or for another attempt. The last of
 * these places are for e-mails without which a fan is locked out or robbed, no matter who floods the others.
 */
const MOST_WAITING = { notice: 12_000, urgent: 10_000, usual: 8_000 } as const;
const AT_ONCE = 4;

/** To a mail server, over at most a few connections. */
export function smtpDelivery(url: string, from: string): Deliver {
  const timeouts = {
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
  };
  const transport = createTransport({ url, requireTLS: needsTls(url), ...timeouts });
  return async mail => {
    await transport.sendMail(messageOf(mail, from));
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Links are passwords for an hour: they go over TLS, or not at all. Not on this machine; and `?requireTLS=false` in the URL, which the
 * library puts above this, is for a relay in a network of one's own.
 */
export function needsTls(url: string): boolean {
  return !LOOPBACK.test(new URL(url).hostname);
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

interface Attempted {
  readonly mail: Mail;
  readonly failures: number;
}

export class Outgoing {
  readonly #parts: OutgoingParts;
  readonly #queues: Readonly<Record<Rank | 'usual', Attempted[]>> = { notice: [], urgent: [], usual: [] };
  #isUsualNext = false;
  /** Those that wait for another attempt. */
  readonly #deferred = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #isStopping = false;

  constructor(parts: OutgoingParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    const { notice, urgent, usual } = this.#queues;
    return notice.length + urgent.length + usual.length + this.#deferred.size;
  }

  send(mail: Mail): void {
    if (this.waiting >= MOST_WAITING[mail.rank ?? 'usual']) {
      this.#parts.done('dropped');
      return;
    }
    this.#enqueue({ mail, failures: 0 });
  }

  /** Sends what waits for its turn, and gives up what waits for another attempt. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#deferred) {
      clearTimeout(timer);
      this.#parts.done('failed');
    }
    this.#deferred.clear();
    await Promise.all(this.#running);
  }

  #enqueue(attempted: Attempted): void {
    this.#queues[attempted.mail.rank ?? 'usual'].push(attempted);
    if (this.#running.size < AT_ONCE) this.#start();
  }

  #start(): void {
    const work = this.#work().finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#next();
      if (next === undefined) return;
      await this.#deliver(next);
    }
  }

  #next(): Attempted | undefined {
    const { notice, urgent, usual } = this.#queues;
    if (notice.length > 0) return notice.shift();
    const [one, other] = this.#isUsualNext ? [usual, urgent] : [urgent, usual];
    this.#isUsualNext = !this.#isUsualNext;
    return one.shift() ?? other.shift();
  }

  async #deliver({ mail, failures }: Attempted): Promise<void> {
    try {
      await this.#parts.deliver(mail);
      this.#parts.done('sent');
    } catch (error) {
      const waitMs = RETRY_MS[failures];
      if (waitMs === undefined || this.#isStopping || isFinal(error)) return this.#giveUp(error);
      const timer = setTimeout(() => {
        this.#deferred.delete(timer);
        this.#enqueue({ mail, failures: failures + 1 });
      }, waitMs);
      this.#deferred.add(timer);
    }
  }

  #giveUp(error: unknown): void {
    // Not the error itself: it may carry the recipient.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    this.#parts.log.error({ code }, 'an e-mail could not be sent; its recipient can ask for another');
    this.#parts.done('failed');
  }
}

/** The server will not take this e-mail, however often it is tried: a permanent reply (RFC 5321, section 4.2.1), or no recipient at all. */
function isFinal(error: unknown): boolean {
  const responseCode: unknown = Reflect.get(Object(error), 'responseCode');
  if (typeof responseCode === 'number') return responseCode >= 500;
  return Reflect.get(Object(error), 'code') === 'EENVELOPE';
}

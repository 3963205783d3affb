/**
 * A response whose body lies in the ledger, in parts. It is read and sent part by part, as fast as the client takes it: a slow
 * client costs the memory of one part.
 *
 * A part that cannot be read is read again for a while: a client that is cut off has to ask anew, and may not be able to
 * continue where it stopped.
 */
import type { HttpResponse } from 'uWebSockets.js';
import { backoffMs, pause } from '../../engine/contract/log/backoff.ts';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import type { Reply } from '../http/reply.ts';
import { LedgerUnavailable } from './ledger.ts';

/** The bytes to send: `bytes` of them, beginning `skipped` bytes into the part `firstPart`. */
export interface Extent {
  readonly firstPart: number;
  readonly skipped: number;
  readonly bytes: number;
}

export interface DownloadParts {
  /** What is downloaded, to name it in an error. */
  readonly name: string;
  readonly reply: Reply;
  /** Of `reply.file`. */
  readonly res: HttpResponse;
  readonly extent: Extent;
  /** Reads a part, from 0; undefined if there is none. May reject with LedgerUnavailable. */
  readonly read: (part: number) => Promise<Buffer | undefined>;
  /** The time after which a part is not read again, from its first attempt on. */
  readonly retryForMs: number;
  /** Called when the download breaks off on our side. */
  readonly failed: (error: Error) => void;
}

const NOTHING = Buffer.alloc(0);

/**
 * Limits how many downloads are under way at once. Each takes the memory of a part, 256 KB, for as long as its client likes:
 * without a limit, clients that read slowly would take all of it.
 */
export class DownloadSlots {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether a slot is free; it is taken until `give`. */
  take(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken += 1;
    return true;
  }

  give(): void {
    this.#taken -= 1;
  }
}

/**
 * `tryEnd` accepts what the socket has room for and buffers nothing; the rest of a part is tried again when there is room, and
 * the next part is read when this one is sent.
 */
export class Download {
  readonly #parts: DownloadParts;
  /** Aborted when the client is gone. */
  readonly #gone = new AbortController();
  /** The next part to read. */
  #part: number;
  /** What is being sent, and its offset in the body. */
  #bytes: Buffer = NOTHING;
  #from = 0;
  #isReading = false;
  #end: () => void = () => undefined;

  constructor(parts: DownloadParts) {
    this.#parts = parts;
    this.#part = parts.extent.firstPart;
  }

  /** Resolves when the body is sent, the client is gone or slow, or the download has broken off. Never rejects. */
  async run(): Promise<void> {
    const { reply, res } = this.#parts;
    const ended = new Promise<void>(resolve => {
      this.#end = resolve;
    });
    reply.whenAborted(() => {
      this.#gone.abort();
      this.#end();
    });
    res.onWritable(offset => {
      // All that was read is sent.
      if (this.#isReading) return true;
      const ok = this.#write(offset);
      if (ok) void this.#next();
      return ok;
    });
    void this.#next();
    await ended;
  }

  /** Reads and writes parts until one is not written whole. */
  async #next(): Promise<void> {
    const { res, extent, failed } = this.#parts;
    for (;;) {
      this.#from += this.#bytes.length;
      this.#bytes = NOTHING;
      if (this.#from >= extent.bytes) return this.#end();
      this.#isReading = true;
      try {
        this.#bytes = await this.#read();
      } catch (error) {
        if (this.#gone.signal.aborted) return;
        // The client knows the length of the body, so it sees that the rest is missing.
        res.close();
        failed(this.#brokenOff(error));
        return this.#end();
      } finally {
        this.#isReading = false;
      }
      if (this.#gone.signal.aborted || !this.#write(this.#from)) return;
    }
  }

  /** What is wanted of the next part. Rejects when no attempt is left, or the client is gone. */
  async #read(): Promise<Buffer> {
    const { read, extent, retryForMs } = this.#parts;
    const part = this.#part;
    const untilMs = performance.now() + retryForMs;
    for (let failures = 0; ; failures++) {
      try {
        const bytes = await read(part);
        if (bytes === undefined) throw new Error('it is missing');
        this.#part += 1;
        const skipped = part === extent.firstPart ? extent.skipped : 0;
        return bytes.subarray(skipped, skipped + extent.bytes - this.#from);
      } catch (error) {
        const waitMs = backoffMs(failures);
        const isTransient = error instanceof LedgerUnavailable && error.isTransient;
        if (!isTransient || performance.now() + waitMs > untilMs) throw error;
        await pause(waitMs, this.#gone.signal);
        if (this.#gone.signal.aborted) throw error;
      }
    }
  }

  #brokenOff(error: unknown): Error {
    const { name } = this.#parts;
    return new Error(`${name} was not sent whole: part ${this.#part} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }

  /** Writes from `offset` of the body on; returns whether all that was read is accepted. */
  #write(offset: number): boolean {
    let ok = false;
    const { res, extent } = this.#parts;
    res.cork(() => {
      const rest = this.#bytes.subarray(offset - this.#from);
      [ok] = res.tryEnd(new Uint8Array(rest), extent.bytes);
    });
    return ok;
  }
}

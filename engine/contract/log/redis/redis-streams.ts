/** The log in Redis Streams, one stream per partition. A position is the id of the last entry read; '' is before the first. */
import { Cluster } from 'ioredis';
import type { Logger } from 'pino';
import { keysOf } from '../../redis/keys.ts';
import type { RedisClient } from '../../redis/redis.ts';
import { backoffMs, pause } from '../backoff.ts';
import { gatherMs } from '../gather.ts';
import type { LogBatch, LogConsumer, LogHandler } from '../log.ts';
import { Owning, type PartitionOwnership } from '../owning.ts';
import { type PartitionReader, Readings } from '../reading.ts';
import { RedisLink, type RedisLogOptions } from './redis-log.ts';

/** How long a read waits for new records, and thus the delay until a newly assigned partition is read. */
const BLOCK_MS = 250;
/** Records that arrive meanwhile are ingested together: a row costs the ledger half of what it costs in slices of their own. */
const GATHER_MS = 30;
/** A Cluster's streams are on several nodes; a waiting read on one connection would block the others. */
const CLUSTER_POLL_MS = 20;
/** The maximum number of records in one batch, which is from one partition. */
const BATCH_RECORDS = 100;
/** Must be longer than BLOCK_MS. */
const COMMAND_TIMEOUT_MS = 5_000;
const START = '0-0';

type Entries = readonly (readonly [id: Buffer, fields: readonly Buffer[]])[];

interface StreamCursor {
  readonly partition: number;
  readonly stream: string;
  /** The id of the last entry read; undefined while the partition is on hold. */
  after: string | undefined;
}

/** Rejects if Redis is unavailable. The consumer closes `ownership`. */
export async function openRedisConsumer(
  options: RedisLogOptions,
  ownership: PartitionOwnership,
): Promise<LogConsumer> {
  const consumer = new RedisConsumer(options, ownership);
  try {
    await consumer.connected();
  } catch (error) {
    await consumer.close();
    throw error;
  }
  return consumer;
}

class RedisConsumer implements LogConsumer {
  readonly kind = 'redis';
  readonly name: string;
  readonly #log: Logger;
  readonly #ownership: PartitionOwnership;
  readonly #streamOf: (partition: number) => string;
  /** Waits in XREAD most of the time; no other command may wait behind it. */
  readonly #reader: RedisLink;
  readonly #commands: RedisLink;
  readonly #closing = new AbortController();
  readonly #cursors = new Map<number, StreamCursor>();
  #readings: Readings | undefined;
  #owning: Owning | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(options: RedisLogOptions, ownership: PartitionOwnership) {
    this.name = `redis:${options.namespace}`;
    this.#log = options.log;
    this.#ownership = ownership;
    this.#streamOf = keysOf(options.namespace).logPartition;
    this.#reader = new RedisLink(options, COMMAND_TIMEOUT_MS, 'reads');
    this.#commands = new RedisLink(options, COMMAND_TIMEOUT_MS, 'commands');
  }

  async connected(): Promise<void> {
    await this.#reader.connected();
    await this.#commands.connected();
  }

  assigned(): readonly number[] {
    return this.#readings?.assigned() ?? [];
  }

  async run(handler: LogHandler): Promise<void> {
    if (this.#readings !== undefined) throw new Error('the consumer is already running');
    const readings = new Readings(handler, this.#log);
    this.#readings = readings;
    const owning = new Owning(this.#ownership, readings, this.#log);
    this.#owning = owning;
    await owning.attach({
      reader: partition => this.#readerOf(partition),
      lost: partition => this.#cursors.delete(partition),
    });
    this.#running = Promise.all([owning.lookOn(this.#closing.signal), this.#readOn(readings)]);
  }

  /**
   * `position` is one that the ledger has reached: its own entry stays, and proves later that nothing was lost. Only whole
   * nodes of the stream are removed, so some entries before it stay too.
   */
  async trim(partition: number, position: string): Promise<void> {
    if (position === '') return;
    const stream = this.#streamOf(partition);
    await this.#commands.ask(client => client.xtrim(stream, 'MINID', '~', position));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#readings?.dropAll();
    await this.#readings?.settled();
    this.#reader.end();
    this.#commands.end();
    await this.#running;
    await this.#owning?.close();
  }

  #readerOf(partition: number): PartitionReader {
    const cursor: StreamCursor = { partition, stream: this.#streamOf(partition), after: undefined };
    this.#cursors.set(partition, cursor);
    return {
      hold: () => {
        cursor.after = undefined;
      },
      seek: async position => {
        cursor.after = await this.#locate(cursor, position);
      },
    };
  }

  /**
   * Where to continue for that position. The entry at a position that the ledger has reached always exists, because trimming
   * spares it. If it is missing, the stream was emptied, cut or has lost its end; that is logged as an error.
   */
  async #locate(cursor: StreamCursor, position: string): Promise<string> {
    if (position === '') return START;
    const { partition, stream } = cursor;
    const wanted = parseId(position);
    const [there] = await this.#commands.ask(client => client.xrange(stream, position, position));
    if (there !== undefined) return position;
    const [last] = await this.#commands.ask(client => client.xrevrange(stream, '+', '-', 'COUNT', 1));
    const isBehind = last !== undefined && isLater(parseId(last[0]), wanted);
    this.#log.error(
      { partition, stream, expected: position, last: last?.[0] },
      isBehind
        ? 'RECORDS MAY BE MISSING: the log lacks the last consumed position; continuing after it'
        : 'THE LOG IS SHORTER than the last consumed position: it was emptied; continuing from its start',
    );
    return isBehind ? position : START;
  }

  async #readOn(readings: Readings): Promise<void> {
    const closing = this.#closing.signal;
    for (let failures = 0; !closing.aborted; ) {
      const cursors = [...this.#cursors.values()].filter(({ after }) => after !== undefined);
      try {
        const found = await this.#read(cursors);
        if (failures > 0) this.#log.info('reading the log again');
        failures = 0;
        const readAtMs = performance.now();
        const taken = await Promise.all(
          [...found].map(([cursor, entries]) => this.#take(readings, cursor, entries)),
        );
        const isBehind = taken.some(records => records.length === BATCH_RECORDS);
        await pause(Math.max(GATHER_MS, gatherMs(taken.flat(), readAtMs, isBehind)), closing);
      } catch (err) {
        if (closing.aborted) return;
        this.#log[failures === 0 ? 'warn' : 'debug']({ err, failures }, 'cannot read the log');
        await pause(backoffMs(failures++), closing);
      }
    }
  }

  async #take(readings: Readings, cursor: StreamCursor, entries: Entries): Promise<LogBatch['records']> {
    const records = entries.map(([id, fields]) => ({
      position: id.toString('latin1'),
      bytes: fields[1] ?? Buffer.alloc(0),
    }));
    const next = records.at(-1)?.position;
    // The partition was lost, or put on hold and sought again, during the read.
    if (next === undefined || this.#cursors.get(cursor.partition) !== cursor || cursor.after === undefined)
      return [];
    if (await readings.take(cursor.partition, next, records)) cursor.after = next;
    return records;
  }

  async #read(cursors: readonly StreamCursor[]): Promise<ReadonlyMap<StreamCursor, Entries>> {
    const found = new Map<StreamCursor, Entries>();
    if (cursors.length === 0) {
      await pause(CLUSTER_POLL_MS, this.#closing.signal);
    } else if (this.#reader.client instanceof Cluster) {
      const reads = cursors.map(cursor => this.#reader.ask(client => readOne(client, cursor, found)));
      const failed = (await Promise.allSettled(reads)).find(({ status }) => status === 'rejected');
      if (found.size > 0) return found;
      if (failed?.status === 'rejected') throw failed.reason;
      await pause(CLUSTER_POLL_MS, this.#closing.signal);
    } else {
      await this.#reader.ask(client => readAll(client, cursors, found));
    }
    return found;
  }
}

async function readOne(
  reader: RedisClient,
  cursor: StreamCursor,
  found: Map<StreamCursor, Entries>,
): Promise<void> {
  const answer = await reader.xreadBuffer(
    'COUNT',
    BATCH_RECORDS,
    'STREAMS',
    cursor.stream,
    cursor.after ?? START,
  );
  for (const [, entries] of answer ?? []) found.set(cursor, entries);
}

async function readAll(
  reader: RedisClient,
  cursors: readonly StreamCursor[],
  found: Map<StreamCursor, Entries>,
): Promise<void> {
  const answer = await reader.xreadBuffer(
    'COUNT',
    BATCH_RECORDS,
    'BLOCK',
    BLOCK_MS,
    'STREAMS',
    ...cursors.map(({ stream }) => stream),
    ...cursors.map(({ after }) => after ?? START),
  );
  for (const [stream, entries] of answer ?? []) {
    const cursor = cursors.find(candidate => candidate.stream === stream.toString());
    if (cursor !== undefined) found.set(cursor, entries);
  }
}

/** An id is `<milliseconds>-<number>`. */
function parseId(id: string): readonly [ms: bigint, number: bigint] {
  const [, ms, number] = /^(\d+)-(\d+)$/.exec(id) ?? [];
  if (ms === undefined || number === undefined) {
    throw new Error(`the position ${JSON.stringify(id)} is not an id of a Redis stream`);
  }
  return [BigInt(ms), BigInt(number)];
}

function isLater([ms, number]: readonly [bigint, bigint], than: readonly [bigint, bigint]): boolean {
  return ms > than[0] || (ms === than[0] && number > than[1]);
}

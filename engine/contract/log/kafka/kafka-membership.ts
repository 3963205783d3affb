/**
 * One kafkajs consumer, from joining to its end. kafkajs requires a group, so each consumer is alone in its own: the ownership
 * decides who reads which partition (../owning.ts), and no join waits for another member, dead or alive.
 *
 * joining -> reading (GROUP_JOIN: all partitions are put on hold, the owned ones are sought) -> joining (REBALANCING: nothing
 * is read) -> ... -> ended (crash, stop, silence, or close). An ended consumer is never used again.
 */
import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { messageOf } from '../../process/message-of.ts';
import { withTimeout } from '../../process/with-timeout.ts';
import { pause } from '../backoff.ts';
import { gatherMs } from '../gather.ts';
import type { Owning } from '../owning.ts';
import type { PartitionReader, Readings } from '../reading.ts';
import { KafkaClient } from './kafka-client.ts';
import { KafkaPartition } from './kafka-partition.ts';
import { ensureReadable, type TopicOptions } from './kafka-topic.ts';

export interface KafkaConsumerOptions extends TopicOptions {
  /** The prefix of group names; each membership has its own group. */
  readonly groups: string;
}

/** Nothing waits for it to expire. If it is shorter than a stall of this process, the consumer rejoins needlessly. */
const SESSION_TIMEOUT_MS = 30_000;
const HEARTBEAT_MS = 1_000;
/** How long a fetch waits for new records, and thus the delay until a held partition is read again. */
const FETCH_WAIT_MS = 40;
/** Many slices, ingested together: a row costs the ledger half of what it costs in slices of their own. */
const GATHER_BYTES = 262_144;
const BYTES_PER_PARTITION = 4 * 1024 * 1024;
const BYTES_PER_FETCH = 4 * BYTES_PER_PARTITION;
/** More gain nothing: the ledger limits ingestion. */
const PARTITIONS_AT_ONCE = 4;
/**
 * Must be longer than joining may take: a broker waits `group.initial.rebalance.delay.ms`, 3 s by default. A longer limit
 * leaves the partitions of an engine that cannot reach the broker unread for longer.
 */
const SILENCE_MS = 15_000;
/** Some 14 s, less than SILENCE_MS: the membership survives a short restart of a broker. */
const RETRIES = 30;
const LEAVE_TIMEOUT_MS = 5_000;
const CRASH_GRACE_MS = 500;

export class KafkaMembership {
  readonly #options: KafkaConsumerOptions;
  readonly #readings: Readings;
  readonly #owning: Owning;
  readonly #closing: AbortSignal;
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #partitions = new Map<number, KafkaPartition>();
  readonly #over = new AbortController();
  #aliveAt = performance.now();
  /** The number of partitions whose batch is done and that wait before they are read on. */
  #gathering = 0;

  constructor(options: KafkaConsumerOptions, readings: Readings, owning: Owning, closing: AbortSignal) {
    this.#options = options;
    this.#readings = readings;
    this.#owning = owning;
    this.#closing = closing;
    this.#client = new KafkaClient(options, RETRIES);
    this.#consumer = this.#client.kafka.consumer({
      groupId: `${options.groups}.${randomUUID()}`,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      minBytes: GATHER_BYTES,
      maxBytesPerPartition: BYTES_PER_PARTITION,
      maxBytes: BYTES_PER_FETCH,
      allowAutoTopicCreation: false,
      // The supervisor decides whether to go on.
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
  }

  /** Joins and reads; resolves with the reason when it has ended, never rejects. `onJoin` is called at each join. */
  async last(onJoin: () => void): Promise<string> {
    const over = this.#watch(onJoin);
    // kafkajs' `run` resolves when it has joined, and also when it has crashed; the events tell which.
    const failed = new Promise<string>(resolve => {
      this.#join().catch(error => resolve(messageOf(error)));
    });
    const reason = await Promise.race([over, failed]);
    this.#over.abort();
    this.#partitions.clear();
    this.#owning.detach();
    await this.#leave();
    return reason;
  }

  async #join(): Promise<void> {
    await ensureReadable(this.#options);
    if (this.#closing.aborted) return;
    this.#aliveAt = performance.now();
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [this.#options.topic], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: payload => this.#take(payload),
    });
  }

  async #leave(): Promise<void> {
    await this.#readings.settled();
    try {
      const gone = this.#consumer.disconnect();
      const late = (): Promise<never> => Promise.reject(new Error(`no answer within ${LEAVE_TIMEOUT_MS} ms`));
      await withTimeout(LEAVE_TIMEOUT_MS, gone, late);
    } catch (err) {
      this.#options.log.debug({ err }, 'cannot leave the consumer group; its session will expire');
    } finally {
      this.#client.end();
    }
  }

  /** Observes the consumer until it ends, and resolves with the reason. */
  #watch(onJoin: () => void): Promise<string> {
    const consumer = this.#consumer;
    const over = this.#over.signal;
    const { CRASH, STOP, GROUP_JOIN, REBALANCING, FETCH_START, FETCH, HEARTBEAT, END_BATCH_PROCESS } =
      consumer.events;
    let joinsAgain = false;
    const isAlive = (): void => {
      this.#aliveAt = performance.now();
    };
    for (const sign of [FETCH, HEARTBEAT, END_BATCH_PROCESS]) consumer.on(sign, isAlive);
    consumer.on(REBALANCING, () => {
      if (over.aborted) return;
      joinsAgain = true;
      this.#owning.detach();
    });
    consumer.on(GROUP_JOIN, ({ payload }) => {
      // A consumer that joins while it is being ended must not read what its successor reads.
      if (over.aborted) return;
      joinsAgain = false;
      isAlive();
      this.#assign(payload.memberAssignment[this.#options.topic] ?? []);
      onJoin();
    });
    return new Promise(resolve => {
      // If the broker goes away during a rejoin, kafkajs silently gives up the join and fetches on as the former member, from
      // partitions that are no longer read here.
      consumer.on(FETCH_START, () => {
        if (joinsAgain) resolve('it continued without rejoining');
      });
      consumer.on(CRASH, ({ payload }) => resolve(`crashed: ${payload.error.message}`));
      // kafkajs stops before it reports a crash, and only the crash has the reason.
      consumer.on(STOP, () => void setTimeout(resolve, CRASH_GRACE_MS, 'stopped').unref());
      const watch = setInterval(() => {
        if (this.#readings.busy) isAlive();
        if (performance.now() - this.#aliveAt > SILENCE_MS) resolve(`silent for ${SILENCE_MS} ms`);
      }, 1_000);
      over.addEventListener('abort', () => clearInterval(watch));
      this.#closing.addEventListener('abort', () => resolve('closed'), { signal: over });
      if (this.#closing.aborted) resolve('closed');
    });
  }

  /** Runs within kafkajs' join, before the first fetch: a partition put on hold here is not read from a wrong position. */
  #assign(all: readonly number[]): void {
    this.#partitions.clear();
    for (const partition of all) this.#hold(partition);
    void this.#owning.attach({
      reader: partition => this.#readerOf(partition),
      lost: partition => {
        this.#partitions.delete(partition);
        this.#hold(partition);
      },
    });
  }

  #readerOf(number: number): PartitionReader {
    const { topic, log } = this.#options;
    const partition = new KafkaPartition(number, log);
    this.#partitions.set(number, partition);
    return {
      hold: () => this.#hold(number),
      seek: async position => {
        this.#consumer.seek({ topic, partition: number, offset: partition.goTo(position) });
        this.#consumer.resume([{ topic, partitions: [number] }]);
      },
    };
  }

  #hold(partition: number): void {
    this.#consumer.pause([{ topic: this.#options.topic, partitions: [partition] }]);
  }

  async #take({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const readAtMs = performance.now();
    const partition = this.#partitions.get(batch.partition);
    const found = partition?.accept(batch.messages);
    if (partition === undefined || found === undefined) return;
    if (found.records.length === 0) {
      this.#consumer.seek({ topic: batch.topic, partition: batch.partition, offset: found.next });
      return;
    }
    const beat = setInterval(() => {
      // A rebalance shows here first; kafkajs notices it too, and handles it, when the batch is done.
      heartbeat().catch(err => this.#options.log.debug({ err }, 'a heartbeat failed'));
    }, HEARTBEAT_MS);
    try {
      const taken = await this.#readings.take(batch.partition, found.next, found.records);
      if (!taken || this.#partitions.get(batch.partition) !== partition) return;
      partition.goTo(found.next);
      resolveOffset(batch.lastOffset());
      const isBehind = BigInt(batch.highWatermark) > BigInt(found.next);
      await this.#gather(gatherMs(found.records, readAtMs, isBehind));
    } finally {
      clearInterval(beat);
    }
  }

  /**
   * One of the concurrent reads is left to partitions that need not wait; if many are busy, some gather while others are read.
   */
  async #gather(ms: number): Promise<void> {
    if (ms === 0 || this.#gathering === PARTITIONS_AT_ONCE - 1) return;
    this.#gathering += 1;
    await pause(ms, this.#over.signal);
    this.#gathering -= 1;
  }
}

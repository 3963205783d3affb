/**
 * The simulated log: Kafka as fairline uses it (engine/contract/log). Partitions are append-only sequences. An acknowledged
 * append stays forever. An append that the sender has given up may be in the log or not, or arrive later, after newer appends;
 * and a record can be there twice. The leader of a partition knows idempotent producers by epoch and sequence, as Kafka's does
 * (leader.ts); production's code decides which identities write and how they are retired.
 *
 * Consumers of one group share the partitions. A member that falls silent loses its partitions to others and learns of that
 * late: for a while two members read one partition. Production's code (Readings) reads, drops and restarts a partition.
 */
import type { Logger } from 'pino';
import { KafkaFencing } from '../../../engine/contract/log/kafka/kafka-fencing.ts';
import type { BatchWriter } from '../../../engine/contract/log/kafka/kafka-produce.ts';
import type { BatchSender } from '../../../engine/contract/log/kafka/kafka-sender.ts';
import { KafkaProducer } from '../../../engine/contract/log/kafka/kafka-writer.ts';
import {
  type LogConsumer,
  type LogFencing,
  type LogHandler,
  type LogProducer,
  LogUnavailable,
} from '../../../engine/contract/log/log.ts';
import { type PartitionReader, Readings } from '../../../engine/contract/log/reading.ts';
import { decodeRecord } from '../../../engine/contract/record/record.ts';
import { Link, type Path, Server, wayUs } from '../kernel/network.ts';
import type { Tally } from '../kernel/tally.ts';
import { MS, type Process, type World } from '../kernel/world.ts';
import { DUPLICATE, ProducerStates, UNKNOWN_TOPIC_OR_PARTITION } from './leader.ts';

/** The longest delay before a record is appended a second time. */
const REPEATED_WITHIN_US = 60 * MS;
/** A member learns of its new partitions within this time. */
const REBALANCE_US = 150 * MS;
const FETCH_AGAIN_US = 40 * MS;
const RECORDS_A_BATCH = 6;
const NAME = 'kafka:simulated';

export class SimulatedLog {
  readonly server: Server;
  readonly partitions: readonly Buffer[][];
  /** The probability that a record is written twice. */
  repeats = 0;
  readonly world: World;
  readonly tally: Tally;
  /** How long the sender waits for the answer to an append, microseconds. */
  readonly appendTimeoutUs: number;
  readonly #landed: (partition: number, bytes: Buffer) => void;
  readonly #leaders: readonly ProducerStates[];
  #producerIds = 0n;
  readonly #members: SimulatedConsumer[] = [];
  readonly #waiting: { readonly partition: number; readonly wake: () => void }[] = [];

  /** `landed` is called with every record, in the order of the log. */
  constructor(
    world: World,
    tally: Tally,
    terms: { readonly partitions: number; readonly appendTimeoutMs: number },
    landed: (partition: number, bytes: Buffer) => void,
  ) {
    const { partitions, appendTimeoutMs } = terms;
    this.world = world;
    this.appendTimeoutUs = appendTimeoutMs * MS;
    this.tally = tally;
    this.server = new Server(world, 'the log');
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#leaders = Array.from({ length: partitions }, () => new ProducerStates());
    this.#landed = landed;
  }

  producerFor(process: Process, path: Path): LogProducer {
    return new KafkaProducer(new SimulatedSender(this, process, path));
  }

  fencingFor(process: Process, path: Path): LogFencing {
    return new KafkaFencing(new SimulatedSender(this, process, path));
  }

  nextProducerId(): bigint {
    this.#producerIds += 1n;
    return this.#producerIds;
  }

  consumerFor(process: Process, path: Path, log: Logger): SimulatedConsumer {
    return new SimulatedConsumer(this, process, path, log);
  }

  /** Answers with the leader's error code. */
  append(partition: number, bytes: Buffer, writer: BatchWriter): number {
    const code = this.#leaders[partition]?.check(writer) ?? UNKNOWN_TOPIC_OR_PARTITION;
    if (code === DUPLICATE) return 0;
    if (code !== 0) {
      this.tally.count('append refused');
      return code;
    }
    this.#land(partition, bytes);
    this.#repeat(partition, bytes);
    return 0;
  }

  #repeat(partition: number, bytes: Buffer): void {
    if (this.repeats === 0 || !this.world.random.chance(this.repeats)) return;
    this.tally.count('record repeated');
    const laterUs = this.world.random.between(0, REPEATED_WITHIN_US);
    this.world.after(laterUs, this.world.outside, () => this.#land(partition, bytes));
  }

  join(member: SimulatedConsumer): void {
    if (!this.#members.includes(member)) this.#members.push(member);
    this.share();
  }

  /** A member has left, died or fallen silent; one that is only silent learns of it when it returns. */
  expel(process: Process): void {
    const at = this.#members.findIndex(member => member.process === process);
    const [member] = at < 0 ? [] : this.#members.splice(at, 1);
    if (member === undefined) return;
    member.share = [];
    this.world.after(0, process, () => member.assign());
    this.share();
  }

  /** Redistributes the partitions, beginning with a random member. */
  share(): void {
    const { world } = this;
    const first = world.random.between(0, 1_000);
    for (const [index, member] of this.#members.entries()) {
      const numbers = [...this.partitions.keys()];
      const own = numbers.filter(partition => (partition + first) % this.#members.length === index);
      member.share = own;
      world.after(world.random.between(0, REBALANCE_US), member.process, () => member.assign());
    }
  }

  /** Calls `wake` when the partition has grown. */
  whenGrown(partition: number, wake: () => void): void {
    this.#waiting.push({ partition, wake });
  }

  #land(partition: number, bytes: Buffer): void {
    const records = this.partitions[partition];
    if (records === undefined) throw new RangeError(`the simulated log has no partition ${partition}`);
    records.push(bytes);
    this.#landed(partition, bytes);
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      if (this.#waiting[at]?.partition === partition) this.#waiting.splice(at, 1)[0]?.wake();
    }
  }
}

/** Sends one record after another. After a failed append it continues on another connection, as Kafka's producer does. */
class SimulatedSender implements BatchSender {
  readonly #log: SimulatedLog;
  readonly #process: Process;
  readonly #newLink: () => Link;
  #link: Link;
  #last: Promise<unknown> = Promise.resolve();

  constructor(log: SimulatedLog, process: Process, path: Path) {
    this.#log = log;
    this.#process = process;
    this.#newLink = () =>
      new Link(process, log.server, path, log.tally, {
        timeoutUs: log.appendTimeoutUs,
        errorOf: why => new LogUnavailable(why),
      });
    this.#link = this.#newLink();
  }

  checkPartition(): void {}

  send(partition: number, bytes: Buffer, writer: BatchWriter): Promise<number> {
    // A copy: after giving up, the caller may reuse the memory while the record is still in flight.
    const sent = Buffer.from(bytes);
    return this.#inTurn(async () => {
      if (this.#process.isTrappedAt('append') && decodeRecord(sent).items.length > 0) {
        await this.#process.reach('append');
      }
      return this.#link.ask(() => this.#log.append(partition, sent, writer));
    });
  }

  initProducerId(): Promise<bigint> {
    return this.#inTurn(() => this.#link.ask(() => this.#log.nextProducerId()));
  }

  async close(): Promise<void> {
    await this.#last;
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(ask);
    this.#last = turn.catch(() => {
      this.#link = this.#newLink();
    });
    return turn;
  }
}

export class SimulatedConsumer implements LogConsumer {
  readonly kind = 'kafka';
  readonly name = NAME;
  readonly process: Process;
  /** The partitions that it owns now, whether it knows or not. */
  share: readonly number[] = [];
  readonly #log: SimulatedLog;
  readonly #path: Path;
  readonly #logger: Logger;
  readonly #readers = new Map<number, Reader>();
  #readings: Readings | undefined;

  constructor(log: SimulatedLog, process: Process, path: Path, logger: Logger) {
    this.process = process;
    this.#log = log;
    this.#path = path;
    this.#logger = logger;
  }

  assigned(): readonly number[] {
    return this.#readings?.assigned() ?? [];
  }

  async run(handler: LogHandler): Promise<void> {
    this.#readings = new Readings(handler, this.#logger);
    this.#log.join(this);
  }

  async trim(): Promise<void> {}

  async close(): Promise<void> {
    this.#log.expel(this.process);
    this.assign();
    await this.#readings?.settled();
  }

  /** Lets a member join again that was expelled because it was silent. */
  joinAgain(): void {
    this.#log.join(this);
  }

  /** It learns of its partitions. */
  assign(): void {
    const partitions = this.share;
    const readings = this.#readings;
    if (readings === undefined) return;
    for (const [partition, reader] of this.#readers) {
      if (partitions.includes(partition)) continue;
      reader.hold();
      readings.drop(partition);
      this.#readers.delete(partition);
    }
    for (const partition of partitions) {
      if (this.#readers.has(partition)) continue;
      const reader = new Reader(this.#log, this.process, this.#path, partition, readings);
      this.#readers.set(partition, reader);
      readings.begin(partition, reader);
    }
  }
}

/** Fetches one partition for one consumer, from a given position on. */
class Reader implements PartitionReader {
  readonly #log: SimulatedLog;
  readonly #process: Process;
  readonly #path: Path;
  readonly #partition: number;
  readonly #readings: Readings;
  #position = 0;
  /** Grows with each seek and hold; results fetched for an earlier value are dropped. */
  #turn = 0;

  constructor(log: SimulatedLog, process: Process, path: Path, partition: number, readings: Readings) {
    this.#log = log;
    this.#process = process;
    this.#path = path;
    this.#partition = partition;
    this.#readings = readings;
  }

  async seek(position: string): Promise<void> {
    this.#position = position === '' ? 0 : Number(position);
    this.#turn += 1;
    this.#fetch(this.#turn);
  }

  hold(): void {
    this.#turn += 1;
  }

  #fetch(turn: number): void {
    if (turn !== this.#turn) return;
    const { world, tally } = this.#log;
    const backUs = wayUs(world, this.#path, tally);
    if (backUs === undefined || !this.#log.server.isUp) {
      world.after(FETCH_AGAIN_US, this.#process, () => this.#fetch(turn));
    } else if ((this.#log.partitions[this.#partition]?.length ?? 0) <= this.#position) {
      this.#log.whenGrown(this.#partition, () => world.after(backUs, this.#process, () => this.#fetch(turn)));
    } else world.after(backUs, this.#process, () => void this.#hand(turn));
  }

  async #hand(turn: number): Promise<void> {
    if (turn !== this.#turn) return;
    const from = this.#position;
    const some = this.#log.world.random.between(1, RECORDS_A_BATCH);
    const records = (this.#log.partitions[this.#partition] ?? [])
      .slice(from, from + some)
      .map((bytes, index) => ({ position: String(from + index), bytes }));
    const next = from + records.length;
    if (!(await this.#readings.take(this.#partition, String(next), records)) || turn !== this.#turn) return;
    this.#position = next;
    this.#fetch(turn);
  }
}

/**
 * The gateway as one of several: its lease, its incarnation, and the pipeline that belongs to it.
 *
 * States: `joining` (asks for a lease until it gets one) -> `serving` (renews it, takes requests) -> `leaving` (the
 * lease is lost, the log or Redis failed, or the process stops: nothing more is taken, what is on its way is finished,
 * and a `leave` record ends the incarnation in the log; nothing does where the log has refused it, as it has ended there) ->
 * `joining` again, or `stopped`.
 *
 * A process that has just begun cannot tell a clock of Redis that was set from one that is right: all that it knows of the time
 * comes from there. So it asks for no lease before the keeper has found that clock right since the process follows it; from
 * then on its own clock shows when that of Redis is set (clock.ts). Without any engine there is no newcomer.
 *
 * The one who writes the state is this class, in `#run`. A lease says whether requests are taken: it holds until a deadline
 * on the process's own monotonic clock, counted from before it was asked for, and only on a board that was read within the
 * same time, so a gateway that is cut off shuts its door soon. Whether what was taken counts is for the log to say: it
 * refuses who was ended, whatever a clock shows here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Keys } from '../engine/contract/keys.ts';
import { type Acquired, acquireLease, readClockWord, renewLease } from '../engine/contract/lease/lease.ts';
import { Fenced, type LogProducer, type LogWriter, partitionOf } from '../engine/contract/log/log.ts';
import { encodeHead } from '../engine/contract/record.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import type { Board } from './board.ts';
import { type ClockSample, monotonicUs } from './clock.ts';
import { askForTime, sampleClock } from './clock-sample.ts';
import { type PipelineParts, SlicePipeline } from './slices.ts';

export type MembershipState = 'joining' | 'serving' | 'leaving' | 'stopped';

export interface MembershipParts
  extends Pick<
    PipelineParts,
    'clock' | 'ranker' | 'tickets' | 'maxSliceEntries' | 'promiseBehindUs' | 'sliceAppended' | 'signing'
  > {
  readonly producer: LogProducer;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly board: Board;
  readonly partitions: number;
  readonly leaseMs: number;
  readonly name: string;
  readonly log: Logger;
}

type Given = Extract<Acquired, { readonly state: 'ok' }>;

interface Incarnation {
  readonly gateway: number;
  readonly incarnation: number;
  readonly epoch: number;
  readonly writer: LogWriter;
  readonly pipeline: SlicePipeline;
  /** Aborted, with why, when it cannot go on. */
  readonly failure: AbortSignal;
  deadlineUs: number;
}

/** How often to ask again while there is no lease to be had. */
const JOIN_INTERVAL_MS = 100;
/** A renewal may fail this many times before the lease is over. */
const RENEWALS_A_LEASE = 4;
const LEAVE_RETRY_MS = 250;
/** A process that stops does not wait longer for a log that is away: the engine will fence it. */
const LEAVE_ON_STOP_MS = 3_000;

export class Membership {
  readonly #parts: MembershipParts;
  readonly #stop = new AbortController();
  #state: MembershipState = 'joining';
  #isClockHeld = false;
  #current: Incarnation | undefined;
  #hasJoined = false;
  #running: Promise<void> | undefined;
  /** How often engines had read Redis' clock when that was first asked for, and the shared time then. */
  #heard: { readonly readings: number; readonly atUs: number } | undefined;
  #isClockVouched = false;
  /** Why no lease is to be had, where that does not pass by itself. */
  #hindrance: string | undefined;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  get state(): MembershipState {
    return this.#state;
  }

  /** Whether engines have found that Redis' clock contradicts others, as the registry last told. */
  get isClockHeld(): boolean {
    return this.#isClockHeld;
  }

  /** What somebody has to do something about before this gateway can serve. */
  get hindrance(): string | undefined {
    return this.#hindrance;
  }

  /** Whether this process has ever been one of the service's gateways: before, nobody has found right the clock that it follows. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** The number of this gateway while it serves. */
  get gateway(): number | undefined {
    return this.#current?.gateway;
  }

  /** The incarnation, and the epoch of the board that it is on, while it serves. */
  get identity(): { readonly incarnation: number; readonly epoch: number } | undefined {
    return this.#state === 'serving' ? this.#current : undefined;
  }

  /** The pipeline to gather into, while the lease holds. */
  pipeline(): SlicePipeline | undefined {
    const current = this.#current;
    return current !== undefined && this.#state === 'serving' && this.#holds(current)
      ? current.pipeline
      : undefined;
  }

  /**
   * Whether this gateway still is one of the service's, so that what it has just read in its Redis is what the others
   * write: of a server that was failed over, and takes writes on, that cannot be told by asking it.
   */
  async confirm(): Promise<boolean> {
    return (await this.pipeline()?.confirm()) ?? false;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Finishes what was taken, leaves the log in good order, and frees nothing: the engine does, after the record. */
  async stop(): Promise<void> {
    this.#stop.abort('the process is stopping');
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log } = this.#parts;
    while (!this.#stopping) {
      this.#state = 'joining';
      const incarnation = await this.#join();
      if (incarnation === undefined) continue;
      this.#current = incarnation;
      this.#hasJoined = true;
      this.#state = 'serving';
      log.info({ gateway: incarnation.gateway, incarnation: incarnation.incarnation }, 'serving');
      const why = await this.#serve(incarnation);
      this.#state = 'leaving';
      log[this.#stopping ? 'info' : 'warn']({ gateway: incarnation.gateway, why }, 'leaving');
      await incarnation.pipeline.end();
      await this.#leave(incarnation);
      this.#parts.board.confirmAs(undefined);
      this.#current = undefined;
    }
    this.#state = 'stopped';
  }

  async #join(): Promise<Incarnation | undefined> {
    const { clock, redis, keys, leaseMs, name, log } = this.#parts;
    try {
      if (clock.synchronised && (await this.#isVouched())) {
        const askedUs = monotonicUs();
        const acquired = await acquireLease(redis, keys.leases, leaseMs, name);
        this.#note(acquired);
        this.#isClockHeld = acquired.state === 'held';
        if (acquired.state === 'ok') return await this.#begin(acquired, { askedUs, heardUs: monotonicUs() });
      }
    } catch (error) {
      log.debug({ err: error }, 'no lease yet');
    }
    await pause(JOIN_INTERVAL_MS, this.#stop.signal);
    return undefined;
  }

  /** Whether the keeper has found Redis' clock right since this process follows it, or nobody says anything of clocks. */
  async #isVouched(): Promise<boolean> {
    const { clock, redis, keys } = this.#parts;
    if (this.#isClockVouched) return true;
    const fromUs = clock.now();
    const word = await readClockWord(redis, keys.leases);
    const { verdict, readings } = word;
    this.#isClockHeld = verdict === 'held';
    // Fewer readings: that was another registry.
    if (this.#heard === undefined || readings < this.#heard.readings)
      this.#heard = { readings, atUs: fromUs };
    if (verdict === undefined) return true;
    if (clock.isContradicted) {
      // Which of the two times was right, if any, nobody has said: nor is the first one right if the clock comes back to it.
      this.#isClockVouched = clock.believe(word, await askForTime(redis, keys.leases));
      return this.#isClockVouched;
    }
    const { readings: since, atUs } = this.#heard;
    if (verdict === 'held' || verdict.reading <= since) return false;
    if (verdict.agreedUs < atUs || verdict.agreedUs > clock.now()) return false;
    // Found right is the clock that Redis has now: one that is right again may be another one than this process follows.
    await sampleClock(redis, keys.leases, clock);
    this.#isClockVouched = !clock.isContradicted;
    return this.#isClockVouched;
  }

  async #begin(
    lease: Given,
    { askedUs, heardUs }: Pick<ClockSample, 'askedUs' | 'heardUs'>,
  ): Promise<Incarnation> {
    const { board, clock, leaseMs, partitions, producer } = this.#parts;
    const deadlineUs = askedUs + leaseMs * 1000;
    const { gateway, incarnation, epoch, registeredUs, token } = lease;
    clock.believe(lease.clock, { askedUs, heardUs, redisUs: lease.timeUs });
    const partition = partitionOf(gateway, partitions);
    // Not `registeredUs`: that stands still while no engine reads the registry.
    const givenAtMs = lease.timeUs / 1000;
    const nowMs = (): number => clock.now() / 1000;
    const writer = producer.writer({ gateway, incarnation, partition, token, givenAtMs, nowMs });
    board.confirmAs(lease);
    await this.#readBoard(deadlineUs);
    clock.promiseBeyond(registeredUs);
    const failure = new AbortController();
    const pipeline = new SlicePipeline(
      {
        ...this.#parts,
        gateway,
        incarnation,
        epoch: String(epoch),
        writer,
        failed: why => failure.abort(why),
      },
      registeredUs,
    );
    return { gateway, incarnation, epoch, writer, pipeline, failure: failure.signal, deadlineUs };
  }

  /**
   * Rejects only when the lease is over: a number that is given up is nobody's until the engine has ended it, and who asked
   * for another one each time would soon have all that are prepared. So too where the registry is open and the board is lost, as
   * with a node of a Cluster: nothing that is taken there is ranked under the epoch.
   */
  async #readBoard(deadlineUs: number): Promise<void> {
    const { board } = this.#parts;
    for (;;) {
      try {
        await board.refresh();
        if (board.epoch !== '') return;
        throw new Error('there is no board right now');
      } catch (error) {
        if (this.#stopping || monotonicUs() >= deadlineUs) throw error;
        this.#parts.log.debug({ err: error }, 'a lease, and no board yet');
      }
      await pause(JOIN_INTERVAL_MS, this.#stop.signal);
    }
  }

  #note(acquired: Acquired): void {
    const { leaseMs, log } = this.#parts;
    const hindrance =
      acquired.state === 'differs'
        ? `LEASE_MS is ${leaseMs}, but the registry was opened with ${acquired.leaseMs}`
        : acquired.state === 'full'
          ? 'all 1024 gateway numbers are taken'
          : undefined;
    if (hindrance !== undefined && hindrance !== this.#hindrance) log.error(hindrance);
    this.#hindrance = hindrance;
  }

  /** Renews until it cannot go on; resolves to why. */
  async #serve(incarnation: Incarnation): Promise<string> {
    const { leaseMs, redis, keys, clock } = this.#parts;
    const ended = AbortSignal.any([incarnation.failure, this.#stop.signal]);
    while (true) {
      await pause(leaseMs / RENEWALS_A_LEASE, ended);
      if (ended.aborted) return String(ended.reason);
      const askedUs = monotonicUs();
      try {
        const renewed = await renewLease(redis, keys.leases, incarnation, leaseMs);
        if (renewed.state === 'lost') return 'the lease was lost';
        this.#isClockHeld = renewed.clock.verdict === 'held';
        clock.believe(renewed.clock, { askedUs, heardUs: monotonicUs(), redisUs: renewed.timeUs });
        incarnation.deadlineUs = askedUs + leaseMs * 1000;
      } catch (error) {
        this.#parts.log.warn({ err: error }, 'the lease could not be renewed');
      }
      if (!this.#holds(incarnation)) return 'the lease has expired';
    }
  }

  async #leave({ writer, pipeline, gateway }: Incarnation): Promise<void> {
    const { log } = this.#parts;
    const head = encodeHead(pipeline.leaveHead());
    const giveUpUs = monotonicUs() + LEAVE_ON_STOP_MS * 1000;
    for (let failures = 0; !this.#stopping || monotonicUs() < giveUpUs; failures += 1) {
      try {
        await writer.leave(head);
        return;
      } catch (error) {
        if (error instanceof Fenced) {
          log.info(
            { gateway, reason: error.message },
            'the incarnation was fenced in the log before it could leave',
          );
          return;
        }
        log[failures === 0 ? 'warn' : 'debug'](
          { err: error, failures },
          'cannot append the leave to the log; retrying',
        );
      }
      await sleep(LEAVE_RETRY_MS);
    }
  }

  #holds(incarnation: Incarnation): boolean {
    const { board, leaseMs } = this.#parts;
    return monotonicUs() < Math.min(incarnation.deadlineUs, board.readAtUs + leaseMs * 1000);
  }
}

/** Sleeps; the signal ends it early. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await sleep(ms, undefined, { signal }).catch(() => undefined);
}

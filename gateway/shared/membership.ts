/**
 * The gateway as one of several: its lease, its incarnation, and the pipeline that belongs to it.
 *
 * States: `joining` (asks for a lease until it gets one) -> `serving` (renews it, accepts requests) -> `leaving` (the
 * lease is lost, the log or Redis failed, or the process is stopping: the gateway accepts nothing more, finishes what is
 * in flight, and ends the incarnation with a `leave` record in the log, unless the log has fenced it already) ->
 * `joining` again, or `stopped`.
 *
 * A new process cannot tell whether the clock of Redis is correct: everything it knows about time comes from there. So it
 * asks for no lease until an engine has found that clock correct after the process began to follow it. From then on the
 * process's own clock shows when the clock of Redis is set (clock/clock.ts). Without an engine no new gateway joins.
 *
 * Only this class writes the state, in `#run`. The lease decides whether requests are accepted. It lasts until a deadline
 * on the process's own monotonic clock, counted from before the request for it, and only with a board read within the same
 * time, so a gateway that is cut off soon refuses requests. Whether an accepted request counts is up to the log: it refuses
 * fenced incarnations, whatever a clock shows here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Fenced, type LogProducer, type LogWriter, partitionOf } from '../../engine/contract/log/log.ts';
import { encodeHead } from '../../engine/contract/record/record.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import {
  type Acquired,
  acquireLease,
  type ClockReport,
  readClockReport,
  renewLease,
} from '../../engine/contract/redis/lease/lease.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { type ClockSample, monotonicUs } from '../clock/clock.ts';
import { askForTime, sampleClock } from '../clock/clock-sample.ts';
import { type PipelineParts, SlicePipeline } from '../entry/slices.ts';
import type { Board } from './board.ts';

export type MembershipState = 'joining' | 'serving' | 'leaving' | 'stopped';

export interface MembershipParts
  extends Pick<
    PipelineParts,
    | 'clock'
    | 'ranker'
    | 'tickets'
    | 'maxSliceEntries'
    | 'promiseBehindUs'
    | 'confirmMs'
    | 'sliceAppended'
    | 'signing'
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
  /** Aborted, with the reason, when it cannot continue. */
  readonly failure: AbortSignal;
  deadlineUs: number;
}

/** The retry interval while no lease is available. */
const JOIN_INTERVAL_MS = 100;
/** Renewals per lease: it expires when this many in a row have failed. */
const RENEWALS_A_LEASE = 4;
const LEAVE_RETRY_MS = 250;
/** A stopping process waits no longer than this for an unavailable log: the engine will fence it. */
const LEAVE_ON_STOP_MS = 3_000;

export class Membership {
  readonly #parts: MembershipParts;
  readonly #stop = new AbortController();
  #state: MembershipState = 'joining';
  #isClockHeld = false;
  #current: Incarnation | undefined;
  #hasJoined = false;
  #running: Promise<void> | undefined;
  /** The engines' count of readings of Redis' clock when first asked, and the shared time then. */
  #answered: { readonly readings: number; readonly atUs: number } | undefined;
  #wasClockConfirmed = false;
  /** Why no lease is available, if that needs an operator. */
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

  /** Whether engines found that Redis' clock contradicts other clocks, by the last read of the registry. */
  get isClockHeld(): boolean {
    return this.#isClockHeld;
  }

  /** The problem that an operator must fix before this gateway can serve. */
  get hindrance(): string | undefined {
    return this.#hindrance;
  }

  /** Whether this process has ever joined: before that, no engine has found the clock that it follows correct. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** The number of this gateway while it serves. */
  get gateway(): number | undefined {
    return this.#current?.gateway;
  }

  /** The incarnation and the epoch of its board, while it serves. */
  get identity(): { readonly incarnation: number; readonly epoch: number } | undefined {
    return this.#state === 'serving' ? this.#current : undefined;
  }

  /** The pipeline to gather into, while the lease is valid. */
  pipeline(): SlicePipeline | undefined {
    const current = this.#current;
    return current !== undefined && this.#state === 'serving' && this.#holds(current)
      ? current.pipeline
      : undefined;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Finishes what was accepted and appends the leave. It does not free the number: the engine does, after the record. */
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
      if (clock.synchronised && (await this.#isClockConfirmed())) {
        const askedUs = monotonicUs();
        const acquired = await acquireLease(redis, keys.leases, leaseMs, name);
        this.#note(acquired);
        if (acquired.state === 'held') this.#isClockHeld = true;
        if (acquired.state === 'ok')
          return await this.#begin(acquired, { askedUs, answeredUs: monotonicUs() });
      }
    } catch (error) {
      log.debug({ err: error }, 'no lease yet');
    }
    await pause(JOIN_INTERVAL_MS, this.#stop.signal);
    return undefined;
  }

  /** Whether an engine found Redis' clock correct after this process began to follow it, or no engine reports about clocks. */
  async #isClockConfirmed(): Promise<boolean> {
    const { clock, redis, keys } = this.#parts;
    if (this.#wasClockConfirmed) return true;
    const fromUs = clock.now();
    const report = await readClockReport(redis, keys.leases);
    const { verdict, readings } = report;
    this.#isClockHeld = verdict === 'held';
    // Fewer readings: the registry is another one.
    if (this.#answered === undefined || readings < this.#answered.readings)
      this.#answered = { readings, atUs: fromUs };
    if (verdict === undefined) return true;
    if (clock.isContradicted) {
      // No engine has found either of the two times correct, not even the first one, should the clock return to it.
      this.#wasClockConfirmed = clock.acceptFinding(report, await askForTime(redis, keys.leases));
      return this.#wasClockConfirmed;
    }
    const { readings: since, atUs } = this.#answered;
    if (verdict === 'held' || verdict.reading <= since) return false;
    if (verdict.agreedUs < atUs || verdict.agreedUs > clock.now()) return false;
    // The finding is about Redis' clock as it is now: after a correction it may differ from the clock that this process
    // follows.
    await sampleClock(redis, keys.leases, clock);
    this.#wasClockConfirmed = !clock.isContradicted;
    return this.#wasClockConfirmed;
  }

  async #begin(
    lease: Given,
    { askedUs, answeredUs }: Pick<ClockSample, 'askedUs' | 'answeredUs'>,
  ): Promise<Incarnation> {
    const { board, clock, leaseMs, partitions, producer } = this.#parts;
    const deadlineUs = askedUs + leaseMs * 1000;
    const { gateway, incarnation, epoch, registeredUs, token } = lease;
    this.#takeClock(lease.clock, { askedUs, answeredUs, redisUs: lease.timeUs });
    const partition = partitionOf(gateway, partitions);
    // Not `registeredUs`: it does not advance while no engine reads the registry.
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
   * Records what engines report about Redis' clock, and what that clock shows now. While engines doubted it, this process may
   * have followed it in steps of less than CLOCK_STOP_MS each. Their doubt ends when the clock was corrected, so the time that
   * comes with that report is used as a sample: the next regular one may come after the next stamp.
   */
  #takeClock(report: ClockReport, sample: ClockSample): void {
    const { clock } = this.#parts;
    const isHeld = report.verdict === 'held';
    if (this.#isClockHeld && !isHeld) clock.sample(sample);
    this.#isClockHeld = isHeld;
    clock.acceptFinding(report, sample);
  }

  /**
   * Rejects only when the lease has expired. A released number stays unusable until the engine has fenced it, so a gateway
   * that took a new one each time would soon use up all prepared numbers. The same holds while the registry is open and the
   * board is lost, as with a node of a Cluster: nothing accepted there would be ranked under the epoch.
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

  /** Renews the lease until it fails; resolves to the reason. */
  async #serve(incarnation: Incarnation): Promise<string> {
    const { leaseMs, redis, keys, log } = this.#parts;
    const ended = AbortSignal.any([incarnation.failure, this.#stop.signal]);
    for (let failures = 0; ; ) {
      await pause(leaseMs / RENEWALS_A_LEASE, ended);
      if (ended.aborted) return String(ended.reason);
      const askedUs = monotonicUs();
      try {
        const renewed = await renewLease(redis, keys.leases, incarnation, leaseMs);
        if (renewed.state === 'lost') return 'the lease was lost';
        this.#takeClock(renewed.clock, { askedUs, answeredUs: monotonicUs(), redisUs: renewed.timeUs });
        incarnation.deadlineUs = askedUs + leaseMs * 1000;
        failures = 0;
      } catch (error) {
        log[failures === 0 ? 'warn' : 'debug']({ err: error, failures }, 'the lease could not be renewed');
        failures += 1;
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

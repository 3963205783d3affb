/**
 * What every engine does from time to time: it announces missing rules, goes on with changes, blocks, early closes, ends of offers
 * and raises that an engine has abandoned, reports scheduled work, trims the log and shelves ended campaigns.
 *
 * The steps are independent of each other, and so are the campaigns of a step: one that always fails holds up no other.
 */
import type { Logger } from 'pino';
import { announceRest } from './campaigns/announce.ts';
import { type ChangeDeps, resumeChanges } from './campaigns/decide.ts';
import { tellDone } from './campaigns/done.ts';
import { resumeEnds } from './campaigns/telling/offers.ts';
import { resumeUntold } from './campaigns/telling/untold.ts';
import type { LogIntake } from './intake/log-intake.ts';
import type { EngineMetrics } from './metrics.ts';
import { type BlockDeps, resumeBlocks } from './operators/blocks.ts';
import { shelve } from './projections/shelving.ts';
import type { SettlementCycle } from './settling/settlement-cycle.ts';

export interface TidyingParts {
  readonly deps: ChangeDeps & BlockDeps;
  readonly intake: Pick<LogIntake, 'trim'>;
  readonly settlementCycle: Pick<SettlementCycle, 'clearShelved'>;
  /** How long a campaign stays in Redis after its end, ms; undefined: forever. */
  readonly shelveAfterMs: number | undefined;
  readonly metrics: Pick<EngineMetrics, 'scheduledDone'>;
  readonly log: Logger;
}

type Step = readonly [what: string, work: () => Promise<void>];

export class Tidying {
  readonly #log: Logger;
  readonly #steps: readonly Step[];
  /** The steps whose last attempt failed. */
  readonly #failing = new Set<string>();

  constructor({ deps, intake, settlementCycle, shelveAfterMs, metrics, log }: TidyingParts) {
    const { pool, randomness } = deps;
    this.#log = log;
    this.#steps = [
      ['announcing rules', () => announceRest(pool, randomness)],
      ['changes', () => resumeChanges(deps)],
      ['blocks', () => resumeBlocks(deps)],
      ['reporting scheduled work', () => tellDone(pool, metrics, log)],
      ['trimming the log', () => intake.trim()],
      ['early closes and raises', () => resumeUntold(deps)],
      ['ends of offers', () => resumeEnds(deps)],
      ['shelving', () => shelve({ pool, settlementCycle, afterMs: shelveAfterMs, log })],
    ];
  }

  /** One turn: tries every step, logs each that fails, once until it succeeds, and rejects with the first error. */
  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (const [what, work] of this.#steps) {
      try {
        await work();
        if (this.#failing.delete(what)) this.#log.info(`${what}: recovered`);
      } catch (err) {
        this.#log[this.#failing.has(what) ? 'debug' : 'warn']({ err }, `${what}: failed, retrying`);
        this.#failing.add(what);
        errors.push(err);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

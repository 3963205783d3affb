/** Bugs in leases, fences and epochs. */
import type { Mutation } from '../mutation.ts';

export const FENCING_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a fenced append is answered with 202',
    file: 'gateway/entry/slices.ts',
    from: 'for (const request of slice) request.refused(why);',
    to: "for (const request of slice) why === 'lease' ? request.accepted(undefined, undefined) : request.refused(why);",
    seed: 626,
  },
  {
    name: 'a fence is appended, but the log refuses nothing after it',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'await (lease === undefined ? this.#writers.retireLost(who) : this.#writers.retireLease(lease));',
    to: '',
    seed: 685,
  },
  {
    name: 'a marker is appended before the log refuses earlier epochs',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'await this.#writers.retireBefore(epoch);',
    to: '',
    seed: 33,
  },
  {
    name: 'the engine prepares a writer identity that the ledger does not have',
    file: 'engine/watermark/writers.ts',
    from: 'fencing.usesTokens && !(await insertLogWriters(pool, { logName, epoch, writers: numbers }))',
    to: 'false',
  },
  {
    name: 'a writer identity is retired under its own epoch',
    file: 'engine/contract/log/kafka/kafka-fencing.ts',
    from: 'epoch: 1, sequence: 0',
    to: 'epoch: 0, sequence: 0',
  },
  {
    name: 'a number is freed before its gateway has ended',
    file: 'engine/watermark/lease-reaper.ts',
    from: "if (row?.state === 'ended') await this.#free",
    to: "if (row?.state !== 'live') await this.#free",
    seed: 1815,
  },
  {
    name: 'an opening continues under an epoch that Redis has forgotten',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'reopening.marker = undefined;\n    await this.#open(marker);',
    to: 'await this.#open(marker);',
  },
  {
    // From acquire.lua; the simulator runs its TypeScript version.
    name: 'a number is granted whatever the lease length',
    file: 'bench/simulate/models/redis/scripts/lease.ts',
    from: "if (heldUs !== leaseUs) return ['differs', heldUs ?? ''];",
    to: '',
    seed: 51,
  },
  {
    name: 'a gateway with another lease length does not report it',
    file: 'gateway/shared/membership.ts',
    from: "acquired.state === 'differs'",
    to: 'false',
    seed: 51,
  },
];

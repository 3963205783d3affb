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
    name: 'a fence is appended and the log refuses nothing behind it',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'await (lease === undefined ? this.#writers.retireLost(who) : this.#writers.retireLease(lease));',
    to: '',
    seed: 685,
  },
  {
    name: 'a marker is appended before the log refuses those of before',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'await this.#writers.retireBefore(epoch);',
    to: '',
    seed: 33,
  },
  {
    name: 'an identity is prepared that the ledger does not know',
    file: 'engine/watermark/writers.ts',
    from: 'fencing.usesTokens && !(await insertLogWriters(pool, { logName, epoch, writers: numbers }))',
    to: 'false',
  },
  {
    name: 'an identity is retired under the epoch that it has',
    file: 'engine/contract/log/kafka/kafka-fencing.ts',
    from: 'epoch: 1, sequence: 0',
    to: 'epoch: 0, sequence: 0',
  },
  {
    name: 'a number is given back before its gateway has ended',
    file: 'engine/watermark/lease-reaper.ts',
    from: "if (row?.state === 'ended') await this.#free",
    to: "if (row?.state !== 'live') await this.#free",
    seed: 1815,
  },
  {
    name: 'an attempt at opening goes on under an epoch that Redis has forgotten',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'reopening.marker = undefined;\n    await this.#open(marker);',
    to: 'await this.#open(marker);',
  },
  {
    // From acquire.lua; the simulator runs its TypeScript version.
    name: 'a number is given whatever the length of leases',
    file: 'bench/simulate/models/redis/scripts/lease.ts',
    from: "if (heldUs !== leaseUs) return ['differs', heldUs ?? ''];",
    to: '',
    seed: 51,
  },
  {
    name: 'a gateway with another length of leases does not say so',
    file: 'gateway/shared/membership.ts',
    from: "acquired.state === 'differs'",
    to: 'false',
    seed: 51,
  },
];

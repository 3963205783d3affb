/**
 * Bugs that seeds show too seldom, each with the plan that was written for it (plans/). Whatever changes in gateway, engine or
 * simulator changes what happens in a seed, so a bug that one seed in a hundred thousand shows is soon shown by none.
 */
import type { Mutation } from './mutation.ts';

export const PLANNED_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a rank is final by a registry in whose place another was opened',
    file: 'engine/settling/settlement-cycle.ts',
    from: 'if (epoch === registry.epoch) this',
    to: 'if (epoch > 0) this',
    plan: 'a rank is mended in another Redis',
  },
  {
    name: 'a gateway that stops keeps its streams until all it has taken is in the log',
    file: 'gateway/assembly.ts',
    from: 'await Promise.all([membership.stop(), watchers.close()]);',
    to: 'await membership.stop();\n      await watchers.close();',
    plan: 'a gateway stops with streams',
  },
  {
    name: 'gateways are not told that engines doubt the clock of Redis',
    file: 'engine/clock/clock-watch.ts',
    from: "state === 'unheard' ? undefined : 'held'",
    to: 'undefined',
    plan: 'a clock creeps ahead',
  },
  {
    name: 'a gateway stamps by a clock that engines doubt',
    file: 'gateway/clock/clock-limits.ts',
    from: ' && !this.#isHeld()',
    to: '',
    plan: 'a clock creeps ahead',
  },
  {
    name: 'a gateway that followed a doubted clock asks for no time when the doubt ends',
    file: 'gateway/shared/membership.ts',
    from: 'if (this.#isClockHeld && !isHeld) clock.sample(sample);',
    to: '',
    plan: 'a clock creeps ahead',
  },
  {
    name: 'an operator acts by a time that may be wrong',
    file: 'engine/clock/clock-watch.ts',
    from: 'if (!this.isAgreed) throw new ClocksApart(this.describe());',
    to: '',
    plan: 'a close is put off by a clock that was set back',
  },
  {
    name: 'a hold that was given back is held again when the clock is set back',
    file: 'gateway/coupons/redemption.ts',
    from: 'isOver || uses.some(({ givenBack }) => givenBack)',
    to: 'isOver',
    plan: 'holds are given back',
  },
  {
    name: 'a change takes effect when its time has come',
    file: 'engine/campaigns/decide.ts',
    from: 'if (seen !== undefined && asked.decideBy !== null && seen.nowMs >= asked.decideBy.getTime()) {',
    to: 'if (seen === null) {',
    plan: 'a close is moved too late',
  },
  {
    name: 'a drawing is moved behind a close that was told and has passed',
    file: 'engine/campaigns/plan.ts',
    from: 'campaign.drawsAt ?? closes',
    to: 'campaign.drawsAt ?? campaign.closesAt',
    plan: 'a drawing is moved behind its close',
  },
  {
    name: 'who could not be ranked is accepted',
    file: 'gateway/entry/slices.ts',
    from: "for (const request of entries) request.refused('lease');\n      throw error;",
    to: 'for (const request of entries) request.accepted(1, receipts);\n      throw error;',
    plan: 'Redis is out of reach as people are ranked',
  },
  {
    name: 'the watermark is raised by a registry in whose place another was opened',
    file: 'engine/settling/settlement-cycle.ts',
    from: 'if (!(await this.#raise(watermarkUs))) return false;',
    to: 'await this.#raise(watermarkUs);',
    plan: 'an engine settles by a Redis that was failed over',
  },
  {
    name: 'a winner who is not ranked yet is told the stamp 0',
    file: 'gateway/entry/door.ts',
    from: 'if (grant === undefined || stamp === null || stamp === undefined) continue;',
    to: 'if (grant === undefined) continue;',
    plan: 'winners are there before their ranks',
  },
  {
    name: "a gateway believes what Redis' clock showed before it was right again",
    file: 'gateway/clock/clock.ts',
    from: 'this.sample(sample);\n    const contradiction = this.#contradiction;\n    if (contradiction?.last !== sample) return false;',
    to: 'const contradiction = this.#contradiction;\n    if (contradiction === undefined) return false;',
    plan: "Redis' clock is ahead for a moment",
  },
  {
    name: 'a newcomer goes by a clock of Redis that nobody has looked at since',
    file: 'gateway/shared/membership.ts',
    from: ' && (await this.#isVouched())',
    to: '',
    plan: "a gateway starts as Redis' clock is set",
  },
  {
    name: 'who has left stands in the draw where more have than are decided at once',
    file: 'engine/settling/raffle-settling.ts',
    from: 'if (more || watermarkUs < closesAtUs(campaign)) {',
    to: 'if (watermarkUs < closesAtUs(campaign)) {',
    plan: 'many leave a raffle at its close',
  },
];

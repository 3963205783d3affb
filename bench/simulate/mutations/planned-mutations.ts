/**
 * Bugs that seeds show too seldom, each with the plan that was written for it (plans/). Whatever changes in gateway, engine or
 * simulator changes what happens in a seed, so a bug that one seed in a hundred thousand shows is soon shown by none.
 */
import type { Mutation } from './mutation.ts';

export const PLANNED_MUTATIONS: readonly Mutation[] = [
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
    from: 'if (seen !== undefined && asked.decideBy !== null && seen.nowUs / 1_000 >= asked.decideBy.getTime()) {',
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
  {
    name: 'of somebody whose campaign is being made anew it is said that there is no entry',
    file: 'gateway/shared/lookups.ts',
    from: '{ reject }] of questions.entries()) reject(new BeingMade(looked.stamps[index]));',
    to: '{ resolve }] of questions.entries()) if (index >= 0) resolve(undefined);',
    plan: 'people look while a campaign is made anew',
  },
  {
    name: 'who is decided is read off a later board than what became of them',
    file: 'gateway/shared/lookups.ts',
    from: 'user.stamp <= campaign.settledStamp',
    to: 'user.stamp <= (board.campaign(campaignId) ?? campaign).settledStamp',
    plan: 'look-ups take long while people are decided',
  },
  {
    name: 'a cancellation is confirmed and not held',
    file: 'gateway/entry/admission.ts',
    from: 'if (pending.cancelled || pending',
    to: 'if (pending',
    plan: 'people enter while a cancellation is decided',
  },
  {
    name: 'a room forgets, when its clock is right again, whom it let in before that was set back',
    file: 'engine/settling/judges/room.ts',
    from: '[atUs, count, nowUs] : admissions',
    to: '[nowUs, count] : admissions',
    plan: 'the ledger is ahead as a room lets people in',
  },
  {
    name: 'what is on the shelf is let go of within a time of the ledger or not at all',
    file: 'engine/projections/publish.ts',
    from: 'await this.#clear(Number(epoch), await this.#onBoard());',
    to: 'await this.#clear(Number(epoch), []);',
    plan: 'the ledger is set on as a campaign is on the shelf',
  },
  {
    name: 'gateways are told of a change by a Redis that no longer counts',
    file: 'engine/projections/publish.ts',
    from: 'const latest = await readEpoch(this.#pool);',
    to: 'const latest = Number(epoch);',
    plan: 'an engine cancels at a Redis that was failed over',
  },
  {
    name: 'each part of a basket that goes back is rounded by itself',
    file: 'gateway/coupons/refund.ts',
    from: 'return due(sold - left + quantity) - due(sold - left);',
    to: 'return due(quantity);',
    plan: 'a basket goes back in parts',
  },
  {
    name: 'a use is given back with the first part that goes back',
    file: 'gateway/coupons/refund.ts',
    from: 'amount === 0 || left.lines[place] === 0',
    to: 'amount === 0 || left.lines[place] !== sold.basket.lines[place]?.quantity',
    plan: 'a basket goes back in parts',
  },
  {
    name: 'a use that was given back by a refund goes on counting',
    file: 'gateway/coupons/decide.ts',
    from: 'for (const couponId of givenBack) this.#count(couponId, sold.userId, -1);',
    to: '',
    plan: 'a basket goes back in parts',
  },
  {
    name: 'more goes back than was sold',
    file: 'gateway/coupons/refund.ts',
    from: 'quantity > has',
    to: 'quantity < 0',
    plan: 'a basket goes back in parts',
  },
  {
    name: 'a basket is priced by terms that have changed meanwhile',
    file: 'gateway/coupons/decide.ts',
    from: "if (this.#standing.coupons.get(use.couponId)?.revision !== use.revision) return { state: 'stale' };",
    to: '',
    plan: 'terms are changed as codes are used',
  },
  {
    name: 'nobody is told that a coupon is used',
    file: 'gateway/coupons/redemption-batcher.ts',
    from: 'if (changed.length > 0) onChanged(changed);',
    to: '',
    plan: 'it is asked what codes are',
  },
  {
    name: 'a gateway goes on showing what it has changed itself',
    file: 'gateway/coupons/reads.ts',
    from: 'for (const couponId of couponIds) this.#ownChanges.set(couponId, this.#generation);',
    to: '',
    plan: 'it is asked what codes are',
  },
  {
    // Said in copy-get.lua; the simulator runs what says it a second time.
    name: 'a copy is shown of a coupon that has changed since',
    file: 'bench/simulate/models/redis/redis-scripts.ts',
    from: 'changed <= Number(of) && leftMs > 0',
    to: 'changed >= 0 && leftMs > 0',
    plan: 'it is asked what codes are',
  },
  {
    name: 'the time by which all have heard is read before they are told',
    file: 'engine/campaigns/tell-then-act.ts',
    from: `  const epoch = await deps.publish([campaign]);
  const answer = await ask(epoch);
  const lookedAtMs = performance.now();
  const nowUs = await latestNowUs(deps, campaign);`,
    to: `  const lookedAtMs = performance.now();
  const nowUs = await latestNowUs(deps, campaign);
  const epoch = await deps.publish([campaign]);
  const answer = await ask(epoch);`,
    plan: 'an engine stands still as it ends offers',
  },
  {
    name: 'a deadline comes forward without waiting for gateways to hear of it',
    file: 'engine/campaigns/tell-then-act.ts',
    from: 'const heardUs = Math.ceil(nowUs + (deps.leaseMs + leaseMarginMs(deps.leaseMs)) * 1_000);',
    to: 'const heardUs = Math.ceil(nowUs - 3_600_000_000);',
    plan: 'an engine stands still as it ends offers',
  },
  {
    name: 'an end of an offer that an engine left behind is not gone on with',
    file: 'engine/assembly.ts',
    from: '  await resumeEnds(deps);\n',
    to: '',
    plan: 'an engine dies as it ends an offer',
  },
  {
    name: 'a claim is answered by a look-up of long ago',
    file: 'gateway/entry/claim.ts',
    from: 'if (monotonicUs() - place.lookedUpUs > parts.config.LEASE_MS * 1_000) {',
    to: 'if (monotonicUs() < place.lookedUpUs) {',
    plan: 'a log is slow as offers are looked up',
  },
];

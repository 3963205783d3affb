/**
 * The simulator's teeth: bugs put into the code of production on purpose, each a change of a line or two, of which the
 * simulator has to find every one (mutations.test.ts). What it finds them by, and how soon, that test prints.
 *
 * Each is a replacement in the text of one file; what is simulated is a bundle with it (bundle.ts). A text that is not
 * there exactly once any more is an error: the code has changed, and its mutation has to follow.
 */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Of one that only few seeds show: the first that did, when this was written. Those before it are not run. */
  readonly seed?: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the lease is not looked at after the append',
    file: 'gateway/slices.ts',
    from: 'if (!leaseHolds())',
    to: 'if (false)',
  },
  {
    name: '202 for what the log did not take',
    file: 'gateway/slices.ts',
    from: "request.refused('log')",
    to: 'request.accepted(1, undefined)',
  },
  {
    name: 'what waits for the next slice is promised with this one',
    file: 'gateway/slices.ts',
    from: 'Math.min(this.#promise(), leftUs - 1)',
    to: 'Math.min(this.#promise(), leftUs)',
    seed: 224,
  },
  {
    name: 'a slice is promised as ranked when it is logged',
    file: 'gateway/slices.ts',
    from: 'nothingToRank ? throughUs : this.#rankedUs',
    to: 'throughUs',
  },
  {
    name: 'the first rank stays, not the earliest (NX for LT)',
    file: 'gateway/rank.ts',
    from: 'LT\\r\\n',
    to: 'NX\\r\\n',
  },
  {
    name: 'the clock gives an instant twice',
    file: 'gateway/clock.ts',
    from: 'const instant = Math.max(this.now(), this.#lastUs + 1);',
    to: 'const instant = this.now();',
    seed: 137,
  },
  {
    name: 'the clock steps back',
    file: 'gateway/clock.ts',
    from: 'return Math.max(this.#lastUs, Math.floor(local + offset));',
    to: 'return Math.floor(local + this.#targetUs);',
    seed: 71,
  },
  {
    name: 'a newcomer stamps before it was registered',
    file: 'gateway/membership.ts',
    from: 'clock.promiseBeyond(acquired.registeredUs);',
    to: '',
    seed: 71,
  },
  {
    name: 'a request keeps an instant that was promised away',
    file: 'gateway/request-start.ts',
    from: 'noted ?? (arrivedUs > promisedUs ? arrivedUs : this.#parts.clock.next())',
    to: 'noted ?? arrivedUs',
  },
  {
    name: 'an instant that a proxy noted was promised away',
    file: 'gateway/noted-instants.ts',
    from: 'Math.max(fromUs, this.#promisedUs + 1)',
    to: 'fromUs',
  },
  {
    name: 'two requests get the instant that a proxy noted for both',
    file: 'gateway/noted-instants.ts',
    from: 'const free = this.#freeFrom(first);',
    to: 'const free = first;',
    seed: 59,
  },
  {
    name: 'a rank is final before the watermark',
    file: 'gateway/lookups.ts',
    from: 'final: stamp <= lastStampAt(rankedUs, campaign.opensAtUs)',
    to: 'final: true',
  },
  {
    name: 'the watermark is the greatest promise, not the least',
    file: 'engine/watermark.ts',
    from: 'watermarkUs = Math.min(watermarkUs, gateway.throughUs)',
    to: 'watermarkUs = Math.max(watermarkUs, gateway.throughUs)',
  },
  {
    name: 'the registry is taken for read now, whenever it was read',
    file: 'engine/watermark.ts',
    from: 'let boundUs = registry.readAtUs;',
    to: 'let boundUs = Number.MAX_SAFE_INTEGER;',
  },
  {
    name: 'who is registered and was never seen does not count',
    file: 'engine/watermark.ts',
    from: 'if (!known.has(nameOf(lease)))',
    to: 'if (false)',
  },
  {
    name: 'one that has ended unranked does not hold the ranks up',
    file: 'engine/watermark.ts',
    from: ' || !gateway.repaired',
    to: '',
    seed: 44,
  },
  {
    name: 'the position is committed before the rows',
    file: 'engine/intake.ts',
    from: 'transaction(pool, client => takeIn(client, logName, batch, care))',
    to: 'takeIn(pool, logName, batch, care)',
  },
  {
    name: 'records behind a fence count',
    file: 'engine/intake.ts',
    from: "state === 'ended' || ",
    to: '',
    seed: 445,
  },
  {
    name: 'records of an older epoch behind a marker count',
    file: 'engine/intake.ts',
    from: ' || progress.isBehindMarker(record)',
    to: '',
    seed: 88,
  },
  {
    name: 'the stamp that came first stays, not the earliest',
    file: 'engine/intake.ts',
    from: 'await keepEarliest(db, sent);',
    to: '',
  },
  {
    name: 'settled past the watermark',
    file: 'engine/settling-step.ts',
    from: 'Math.min(watermarkUs, closesAtUs(campaign) - 1)',
    to: 'closesAtUs(campaign) - 1',
    seed: 146,
  },
  {
    name: 'a raffle is frozen before the watermark has passed its close',
    file: 'engine/raffle-settling.ts',
    from: 'if (watermarkUs < closesAtUs(campaign)) {',
    to: 'if (watermarkUs < opensAtUs(campaign) + 100_000) {',
  },
  {
    name: 'who has left takes a serial',
    file: 'engine/judges/coupon.ts',
    from: 'if (entry.isWithdrawn) continue;',
    to: 'if (entry.isWithdrawn) {\n      serial += 1;\n      continue;\n    }',
  },
  {
    name: 'who has left is granted all the same',
    file: 'engine/judges/coupon.ts',
    from: 'if (entry.isWithdrawn) continue;',
    to: '',
  },
  {
    name: 'one more is granted than there are',
    file: 'engine/judges/coupon.ts',
    from: 'serial >= campaign.places',
    to: 'serial > campaign.places',
  },
  {
    name: 'the draw goes by stamp',
    file: 'engine/draw/selection.ts',
    from: 'a.key === b.key ? a.entrant.stamp < b.entrant.stamp : a.key < b.key',
    to: 'a.entrant.stamp < b.entrant.stamp',
  },
  {
    name: 'the seed of a draw does not depend on its pool',
    file: 'engine/draw/seed.ts',
    from: 'Buffer.concat([Buffer.from(INFO), poolRoot, count])',
    to: 'Buffer.from(INFO)',
  },
  {
    name: 'what a gateway signed is not kept',
    file: 'engine/intake.ts',
    from: 'await insertSlices(db, signed.slices);',
    to: ';',
  },
  {
    name: 'a lease is over as soon as it was not renewed between two looks',
    file: 'engine/registry.ts',
    from: 'return nowMs - before.sinceMs > this.#waitMs;',
    to: 'return true;',
    seed: 137,
  },
  {
    name: 'a lease is over when the clock of Redis says so',
    file: 'engine/registry.ts',
    from: 'this.#isSilent(lease) &&',
    to: 'lease.expiresUs + leaseMarginMs(this.#options.leaseMs) * 1000 < registry.readAtUs &&',
    seed: 262,
  },
  {
    name: 'a number is given back before its gateway has ended',
    file: 'engine/registry.ts',
    from: "if (row?.state === 'ended') await freeLease",
    to: "if (row?.state !== 'live') await freeLease",
  },
  {
    name: 'what an ended gateway had not ranked stays unranked',
    file: 'engine/registry.ts',
    from: 'ranked += await projectRanks(',
    to: 'if (ranked > 0) ranked += await projectRanks(',
  },
  {
    name: 'the registry is opened again while old leases hold',
    file: 'engine/registry.ts',
    from: '(await wasEverOpened(pool)) ? this.#waitMs : 0',
    to: '0',
    seed: 76,
  },
  {
    name: 'the board speaks of winners that are not published',
    file: 'engine/publish.ts',
    from: 'for (const campaign of changed) await this.#prepare(campaign, turn);',
    to: '',
  },
  {
    name: 'deadlines, and the grace of rooms, run on while nobody can be heard',
    file: 'engine/hearing.ts',
    from: 'if (isJump) return { heardMs: heard.heardMs, throughMs: Math.max(throughMs, nowMs) };',
    to: '',
    seed: 116,
  },
  {
    name: 'what is logged while no engine is there counts as heard',
    file: 'engine/hearing.ts',
    from: ' || nowMs - heard.throughMs > LONGEST_BEHIND_MS',
    to: '',
  },
  {
    name: 'the tail of an outage counts as heard',
    file: 'engine/hearing.ts',
    from: 'Math.max(throughMs, nowMs) };',
    to: 'throughMs };',
    seed: 649,
  },
  {
    name: 'a gateway that the log has told nothing of can hear',
    file: 'engine/hearing.ts',
    from: ' && live.has(incarnation)',
    to: '',
    seed: 770,
  },
  {
    name: 'an offer lapses before the watermark has passed its deadline',
    file: 'engine/claims-settling.ts',
    from: 'const lapseUs = Math.min(watermarkUs, heard?.throughUs ?? 0);',
    to: 'const lapseUs = watermarkUs + 300_000;',
    seed: 328,
  },
  {
    name: 'a deadline lies as far off as before the outages that were',
    file: 'engine/claims-settling.ts',
    from: 'lastUs) - unheardUs',
    to: 'lastUs) - unheardUs - 500_000',
  },
  {
    name: 'a claim behind the deadline counts',
    file: 'engine/judges/claims.ts',
    from: 'askedUs !== undefined && askedUs <= claimByUs',
    to: 'askedUs !== undefined',
  },
  {
    name: 'who declines keeps what was offered',
    file: 'engine/judges/claims.ts',
    from: "isClaim ? 'claimed' : 'declined'",
    to: "'claimed'",
    seed: 126,
  },
  {
    name: 'what is free goes to the last who waits',
    file: 'engine/settling.ts',
    from: 'await insertAlternates(db, campaignId, waitlistedCount + 1, users);',
    to: 'await insertAlternates(db, campaignId, waitlistedCount + 1, users.toReversed());',
    seed: 126,
  },
  {
    name: 'more wait than the waitlist has places',
    file: 'engine/judges/coupon.ts',
    from: 'if (areGone && place >= campaign.waitlist) break;',
    to: 'if (areGone && place > campaign.waitlist) break;',
  },
  {
    name: 'it is over while an offer is open',
    file: 'engine/settling.ts',
    from: 'const isFinished = !more && (await areAllDecided(db, campaignId));',
    to: 'const isFinished = !more;',
  },
  {
    name: 'each step of a room has a budget of its own',
    file: 'engine/room-settling.ts',
    from: '...paceAfter(room, room.perSecond, admitted.count, room.nowUs),',
    to: 'nextUs: 0,\n    recent: [],',
  },
  {
    name: 'who is inside takes no place in a room',
    file: 'engine/judges/room.ts',
    from: 'terms.capacity - inside',
    to: 'terms.capacity',
    seed: 53,
  },
  {
    name: 'whoever is away is skipped at once',
    file: 'engine/room-settling.ts',
    from: 'const absentMs = heardMs - room.graceMs;',
    to: 'const absentMs = heardMs;',
    seed: 162,
  },
  {
    name: 'whoever was skipped and is there again stays skipped',
    file: 'engine/room-settling.ts',
    from: 'goneCount += await takeBack(db, { campaignId, settledStamp, goneCount });',
    to: '',
    seed: 758,
  },
  {
    name: 'a gateway with a new lease does not tell again who is there',
    file: 'gateway/presence.ts',
    from: 'if (this.#toldBy !== identity.incarnation) this.#tellAll(identity.incarnation);',
    to: '',
    seed: 182,
  },
  {
    name: 'reports of streams are let go of by an engine that has not taken them',
    file: 'engine/presence.ts',
    from: 'if (isTaken && last !== undefined)',
    to: 'if (last !== undefined)',
    seed: 1499,
  },
  {
    name: 'who comes back to a room that is at its end waits on',
    file: 'gateway/own-entry.ts',
    from: "campaign.finished ? 'skipped' : 'waiting'",
    to: "'waiting'",
    seed: 53,
  },
];

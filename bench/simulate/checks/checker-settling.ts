/**
 * What must hold of a campaign after every commit: it is settled up to no later than the current time, passes over no entry,
 * and keeps its rules. Shares no code with gateway and engine.
 */
import type { SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

/** The clocks of simulated processes run up to 2% too fast or too slow. */
const CLOCK_SLACK_US = 30_000;
const STAMPS_PER_US = 1024;

/** Invariant 3: every entry that counts, at or below the settled stamp, is in the ledger. */
export function checkOvertaken(
  checker: Checks,
  { campaign, entries, logged }: SeenRows,
  userId: string,
): void {
  const earliest = logged.earliest.get(userId);
  if (earliest === undefined || earliest > campaign.settledStamp) return;
  const held = entries.get(userId);
  if (held === undefined || held > earliest) {
    const where = `campaign ${campaign.campaignId} is settled up to ${campaign.settledStamp}`;
    checker.breaks(3, `${userId} logged ${earliest}, ${where}, and the ledger has ${held}`);
  }
}

/** Invariant 3: nothing is decided before its time, whatever a clock shows, since users may still enter before then. */
export function checkTime(checker: Checks, { campaign, announced }: SeenRows, nowUs: number): void {
  const { campaignId, settledStamp, closesAt, finishedAt, kind } = campaign;
  const latestUs = nowUs + checker.clockOffUs + CLOCK_SLACK_US;
  const settledUs = announced.opensAtUs + Math.floor(settledStamp / STAMPS_PER_US);
  if (settledStamp > 0 && settledUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is settled up to ${settledUs - nowUs} us from now`);
  const closesUs = closesAt.getTime() * 1_000;
  // A cancelled campaign ends before its close, without a draw.
  const isDrawn = campaign.seed !== null || (finishedAt !== null && campaign.cancelledStamp === null);
  if (kind !== 'raffle' || !isDrawn) return;
  if (closesUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is drawn ${closesUs - nowUs} us before it closes`);
  if (announced.drawsAtUs !== undefined && announced.drawsAtUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is drawn ${announced.drawsAtUs - nowUs} us before its drawing`);
}

/** Invariant 8: the rules stay; a close may only come earlier. */
export function checkRules(checker: Checks, { campaign, announced }: SeenRows): void {
  const isSame =
    campaign.kind === announced.kind &&
    campaign.stock === announced.stock &&
    campaign.opensAt.getTime() * 1000 === announced.opensAtUs &&
    (campaign.drawsAt === null ? undefined : campaign.drawsAt.getTime() * 1000) === announced.drawsAtUs &&
    campaign.closesAt.getTime() * 1000 <= announced.closesAtUs;
  if (!isSame) checker.breaks(8, `campaign ${campaign.campaignId} has other rules than were announced`);
}

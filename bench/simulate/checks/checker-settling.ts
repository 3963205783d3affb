/**
 * What must hold of a campaign whenever something is committed: it is settled up to no later than the current time, passes
 * over no entry, and keeps its rules. Shares no code with gateway and engine.
 */
import type { SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

/** Clocks of the simulated processes run up to 2% off, from reading to reading. */
const CLOCK_SLACK_US = 30_000;
const STAMPS_PER_US = 1024;

/** Invariant 3: every entry that counts, at or below what is settled, is in the ledger. */
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

/** Invariant 3: nothing is decided before its time, whatever a clock shows, since somebody may still enter before it. */
export function checkTime(checker: Checks, { campaign, announced }: SeenRows, nowUs: number): void {
  const { campaignId, settledStamp, closesAt, finishedAt, kind } = campaign;
  const latestUs = nowUs + checker.clockOffUs + CLOCK_SLACK_US;
  const settledUs = announced.opensAtUs + Math.floor(settledStamp / STAMPS_PER_US);
  if (settledStamp > 0 && settledUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is settled up to ${settledUs - nowUs} us from now`);
  const closesUs = closesAt.getTime() * 1_000;
  // A cancelled campaign ends before its close, and nothing is drawn.
  const isDrawn = campaign.seed !== null || (finishedAt !== null && campaign.cancelledStamp === null);
  if (kind !== 'raffle' || !isDrawn) return;
  if (closesUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is drawn ${closesUs - nowUs} us before it closes`);
  if (announced.drawsAtUs !== undefined && announced.drawsAtUs > latestUs)
    checker.breaks(3, `campaign ${campaignId} is drawn ${announced.drawsAtUs - nowUs} us before its drawing`);
}

/** Invariant 8: the rules stay; a close only comes nearer. */
export function checkRules(checker: Checks, { campaign, announced }: SeenRows): void {
  const isSame =
    campaign.kind === announced.kind &&
    campaign.places === announced.places &&
    campaign.opensAt.getTime() * 1000 === announced.opensAtUs &&
    (campaign.drawsAt === null ? undefined : campaign.drawsAt.getTime() * 1000) === announced.drawsAtUs &&
    campaign.closesAt.getTime() * 1000 <= announced.closesAtUs;
  if (!isSame) checker.breaks(8, `campaign ${campaign.campaignId} has other rules than were announced`);
}

/** Decides when a run is over. */
import type { CampaignRow } from '../models/ledger/rows.ts';
import type { Scene } from './scene.ts';

/** Everything is decided, and Redis shows what the ledger has, including entries of gateways that are backfilled last. */
export function isFinished(scene: Scene): boolean {
  const { campaigns, entries, slices } = scene.ledger.tables;
  const rows = campaigns.rows();
  if (rows.length < scene.plan.campaigns.length || rows.some(row => !isOver(scene, row))) return false;
  if (!areShelved(scene, rows)) return false;
  const shelved = new Set(rows.filter(row => row.shelvedAt !== null).map(({ campaignId }) => campaignId));
  const ranks = new Map(rows.map(({ campaignId }) => [campaignId, scene.ranks(campaignId)]));
  const ranked = [...ranks.values()].reduce((sum, { size }) => sum + size, 0);
  const held = entries.rows().filter(({ campaignId }) => !shelved.has(campaignId));
  // An engine that stands still may hold what was logged after a close.
  const isLogRead = slices.rows().length >= scene.checker.log.signed.size;
  return (
    isLogRead &&
    ranked === held.length &&
    held.every(({ campaignId, userId, stamp }) => ranks.get(campaignId)?.get(userId) === stamp)
  );
}

/** In plans that shelve campaigns: finished ones have left Redis. */
function areShelved(scene: Scene, rows: readonly CampaignRow[]): boolean {
  if (scene.plan.shelveAfterMs === undefined) return true;
  return rows.every(
    ({ campaignId, finishedAt, shelvedAt }) =>
      finishedAt === null || (shelvedAt !== null && scene.heldOf(campaignId).length === 0),
  );
}

/** A room in which nobody is present ends an hour later: the run does not wait for that. */
function isOver(scene: Scene, { campaignId, kind, finishedAt }: CampaignRow): boolean {
  if (finishedAt !== null || kind !== 'room') return finishedAt !== null;
  const people = scene.ledger.tables.people.rows().filter(person => person.campaignId === campaignId);
  const isInLine = people.filter(({ stamp }) => stamp !== null).length;
  const waiting = people.filter(({ state }) => state === 'waiting');
  return (
    isInLine === scene.checker.log.campaign(campaignId).earliest.size &&
    waiting.length > 0 &&
    waiting.every(({ incarnations }) => incarnations.length === 0)
  );
}

/**
 * Acts of operators, each written into the log by the transaction that does it: an act that fails, or changes nothing, leaves
 * no row. What takes several transactions is written by the one that makes it irrevocable. What the system does by itself,
 * such as settling at a deadline, is no act.
 */
import type { Queryable } from '../../sql/database.ts';
import { insertAct } from '../../sql/statements/operators/operator-log.ts';
import { type CanonicalValue, canonicalJson } from '../draw/canonical.ts';
import type { Operator } from './authenticate.ts';

/** Who acts, and by which operation of the API. */
export interface Actor extends Operator {
  readonly action: string;
}

/** Who acts, and why, if they say so. */
export interface By {
  readonly actor: Actor;
  readonly reason: string | null;
}

export interface Acted {
  /** What it was done to: `campaign 12`. */
  readonly target: string;
  readonly reason?: string | null;
  /**
   * What was changed, by name. Members that are undefined are left out; instants are written in ISO 8601, bytes in base64url,
   * fractions as text. Never a secret, and never the id of a fan: a serial or a count stands for people.
   */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Writes the row of an act. Call it last in the transaction: it takes the lock of the log, which others wait for. */
export async function noteAct(
  db: Queryable,
  { name, tokenId, role, action }: Actor,
  { target, reason = null, details }: Acted,
): Promise<void> {
  const text = canonicalJson(plain(details));
  await insertAct(db, { operator: name, tokenId, role, action, target, reason, details: text });
}

export function campaignTarget(campaignId: number): string {
  return `campaign ${campaignId}`;
}

function plain(value: unknown): CanonicalValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : String(value);
  if (typeof value === 'string') return value.toWellFormed();
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') throw new TypeError(`a log has no words for a ${typeof value}`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

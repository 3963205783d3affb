/**
 * For tests: pool and draw in plain code that follows their headers, with node:crypto, and without caching, cutting or batches.
 */
import { createHash, createHmac } from 'node:crypto';
import { leafData, saltOf, whoOf } from '../../contract/record/leaf.ts';
import { ITEM_ENTRY, SOURCE_PROXY } from '../../contract/record/record.ts';
import type { Entrant } from '../pool.ts';
import type { Drawn, SelectionRules } from '../selection.ts';
import type { Terms } from '../terms.ts';

export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function plainLeafHash(
  campaignId: number,
  saltSecret: string,
  { userId, stamp, isNoted = false }: Pick<Entrant, 'userId' | 'stamp'> & { readonly isNoted?: boolean },
): Buffer {
  const who = whoOf(saltOf(saltSecret, campaignId, userId), userId);
  return sha256(
    Buffer.of(0),
    leafData({ kind: ITEM_ENTRY, campaignId, stamp, ...(isNoted ? { source: SOURCE_PROXY } : {}) }, who),
  );
}

/** The hash of an entrant's leaf in the pool's tree. */
export function plainPoolLeafHash(
  campaignId: number,
  saltSecret: string,
  leafHash: Buffer,
  { tickets, group, excluded }: Terms,
): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(tickets, 0);
  head.writeUInt32BE(campaignId, 2);
  const groupHash = (text: string): Buffer =>
    createHmac('sha256', saltSecret)
      .update('fairline group 1')
      .update(head.subarray(2))
      .update(text)
      .digest();
  return sha256(
    Buffer.of(0),
    leafHash,
    head.subarray(0, 2),
    group === null ? Buffer.of(0) : Buffer.concat([Buffer.of(1), groupHash(group)]),
    excluded === null ? Buffer.of(0) : Buffer.concat([Buffer.of(1), sha256(excluded)]),
  );
}

/** The root of a pool, in stamp order. */
export function plainPoolRoot(
  campaignId: number,
  saltSecret: string,
  entrants: readonly Terms[],
  leafHashes: readonly Buffer[],
): Buffer {
  return plainRoot(
    leafHashes.map((leafHash, index) => {
      const terms = entrants[index] ?? { tickets: 1, group: null, excluded: null };
      return plainPoolLeafHash(campaignId, saltSecret, leafHash, terms);
    }),
  );
}

/** RFC 6962, section 2.1, over hashes of leaves. */
export function plainRoot(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes;
  if (first === undefined) return sha256();
  if (hashes.length === 1) return first;
  let split = 1;
  while (2 * split < hashes.length) split *= 2;
  return sha256(Buffer.of(1), plainRoot(hashes.slice(0, split)), plainRoot(hashes.slice(split)));
}

export function plainKey(seed: Uint8Array, leafHash: Buffer, tickets: number): Buffer {
  const keys = Array.from({ length: tickets }, (_, ticket) => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(ticket);
    return createHmac('sha256', seed).update(leafHash).update(number).digest();
  });
  const [least] = keys.sort(Buffer.compare);
  if (least === undefined) throw new Error('an entrant has no ticket');
  return least;
}

export function plainDraw<E extends Entrant>(
  entrants: readonly E[],
  leafHashes: readonly Buffer[],
  rules: SelectionRules,
  seed: Uint8Array,
): Drawn<E>[] {
  const keyed = entrants.flatMap((entrant, index) => {
    const leafHash = leafHashes[index];
    if (entrant.excluded !== null || leafHash === undefined) return [];
    return [{ entrant, key: plainKey(seed, leafHash, entrant.tickets) }];
  });
  keyed.sort((a, b) => Buffer.compare(a.key, b.key) || a.entrant.stamp - b.entrant.stamp);
  const drawn: Drawn<E>[] = [];
  for (const each of keyed) {
    const { group } = each.entrant;
    const ofGroup = drawn.filter(({ entrant }) => entrant.group === group).length;
    if (group !== null && rules.groupLimit !== null && ofGroup >= rules.groupLimit) continue;
    if (drawn.length < rules.size) drawn.push(each);
  }
  return drawn;
}

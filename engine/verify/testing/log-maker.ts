/** Makes operator logs and heads of them, from their description: see basics.ts. */
import { base64url, canonical, type Signer, sha256, signed, u32, u64 } from './basics.ts';

export interface ActObject {
  seq: number;
  at: string;
  operator: string;
  token: number | null;
  role: string;
  action: string;
  target: string;
  reason: string | null;
  details: object;
  hash: string;
}

export interface LogHeadObject {
  at: string;
  hash: string;
  key: string;
  seq: number;
  signature: string;
}

/** When act 0 would have been. */
const BEGAN_MS = Date.UTC(2023, 7, 23, 14);
const SECOND_MS = 1_000;

/** Acts in a valid chain, behind act `after` with the hash `previous`. */
export function actsOf(count: number, after = 0, previous?: string): ActObject[] {
  const acts: ActObject[] = [];
  for (let seq = after + 1; seq <= after + count; seq++) {
    const act = {
      ...{ seq, at: new Date(BEGAN_MS + seq * SECOND_MS).toISOString(), operator: 'Ann 앤' },
      ...{ token: seq % 3 === 0 ? null : seq, role: 'editor', action: 'setRoom', target: `campaign ${seq}` },
      reason: seq % 2 === 0 ? null : 'too many "people"\n',
      // In canonical order, as a database has them.
      details: { capacity: null, of: { é: ['<', true] }, per_second: '0.5', version: seq },
    };
    acts.push({ ...act, hash: base64url(hashOf(act, acts.at(-1)?.hash ?? previous)) });
  }
  return acts;
}

export function hashOf(act: Omit<ActObject, 'hash'>, previous: string | undefined): Buffer {
  const { seq, at, operator, token, role, action, target, reason, details } = act;
  const texts = [operator, token, role, action, target, reason, canonical(details)].map(value => {
    if (value === null) return u32(0xffff_ffff);
    const text = Buffer.from(String(value));
    return Buffer.concat([u32(text.length), text]);
  });
  const before = previous === undefined ? Buffer.alloc(32) : Buffer.from(previous, 'base64url');
  const payload = sha256(Buffer.concat(texts));
  return sha256('fairline operator log 1', before, u64(seq), u64(Date.parse(at)), payload);
}

/** Hashes the acts from the index `from` on again, as somebody would who changes them in the database. */
export function rehash(acts: ActObject[], from: number): void {
  for (let index = from; index < acts.length; index++) {
    const act = acts[index];
    if (act !== undefined) act.hash = base64url(hashOf(act, acts[index - 1]?.hash));
  }
}

export function logHeadOf(act: Pick<ActObject, 'seq' | 'hash'>, atMs: number, signer: Signer): LogHeadObject {
  const { seq, hash } = act;
  const message = Buffer.concat([
    Buffer.from('fairline operator log head 1'),
    u64(seq),
    u64(atMs),
    Buffer.from(hash, 'base64url'),
  ]);
  return {
    ...{ at: new Date(atMs).toISOString(), hash, key: signer.id.toString('hex'), seq },
    signature: base64url(signed(signer, message)),
  };
}

/** A head that is signed soon after the act. */
export function headAfter(act: ActObject, signer: Signer): LogHeadObject {
  return logHeadOf(act, Date.parse(act.at) + 100, signer);
}

/** Members and details in the order in which the service writes them. */
function inOrder({
  seq,
  at,
  operator,
  token,
  role,
  action,
  target,
  reason,
  details,
  hash,
}: ActObject): ActObject {
  const text = JSON.parse(canonical(details));
  return { seq, at, operator, token, role, action, target, reason, details: text, hash };
}

/** Pages as the service exports them, each with the heads over its acts; heads over later ones are on the last. */
export function exported(acts: readonly ActObject[], heads: readonly LogHeadObject[], perPage = 7): Buffer {
  const lines: string[] = [];
  let after = 0;
  for (let from = 0; from === 0 || from < acts.length; from += perPage) {
    const page = acts.slice(from, from + perPage).map(inOrder);
    const isLast = from + perPage >= acts.length;
    const through = isLast ? Number.POSITIVE_INFINITY : (page.at(-1)?.seq ?? 0);
    const own = heads.filter(({ seq }) => seq > after && seq <= through);
    lines.push(`${JSON.stringify({ acts: page, heads: own, next: isLast ? null : through })}\n`);
    after = through;
  }
  return Buffer.from(lines.join(''));
}

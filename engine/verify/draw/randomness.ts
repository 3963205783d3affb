/**
 * Checks that the randomness of a draw is the announced one: the secret committed to, or the round of the drand chain. The
 * same for a book's last line and for a proof.
 */
import type { Findings } from '../findings.ts';
import type { Sha256 } from '../hashing/hmac.ts';
import { isoOf } from '../receipts/leaf.ts';
import { areEqual, fromBase64Url, fromHex } from '../text/bytes.ts';
import type { Members } from '../text/json.ts';
import { DRAND_SIGNATURE_BYTES, instantOfRound, isQuicknet, roundOfFreeze, verifyRound } from './drand.ts';
import { commitmentTo, type Revealed, seedOf } from './draw.ts';
import type { RaffleRules } from './rules.ts';

export interface DrawFacts {
  readonly randomness: Uint8Array;
  readonly seed: Uint8Array;
  readonly revealed: Revealed;
}

/** Reads `randomness`, `seed` and `source`. Throws Unreadable. */
export function readDrawFacts(members: Members, rules: RaffleRules): DrawFacts {
  const hash = (text: string): Uint8Array | undefined => fromBase64Url(text, 32);
  const right = '32 bytes in base64url';
  const source = members.object('source');
  const revealed: Revealed =
    rules.draw.randomness.source === 'commit'
      ? { source: 'commit', secret: source.read('secret', hash, right) }
      : {
          source: 'drand',
          frozenAtUs: source.has('frozen_at_us')
            ? source.whole('frozen_at_us', 0, Number.MAX_SAFE_INTEGER)
            : undefined,
          round: source.whole('round', 1, Number.MAX_SAFE_INTEGER),
          signature: source.read(
            'signature',
            text => fromHex(text, DRAND_SIGNATURE_BYTES),
            `${DRAND_SIGNATURE_BYTES} bytes in lower-case hex`,
          ),
        };
  source.end();
  return {
    randomness: members.read('randomness', hash, right),
    seed: members.read('seed', hash, right),
    revealed,
  };
}

/**
 * Checks the source of the randomness. `closedAtUs`: when nobody could enter any more; a proof contains only the announced
 * close.
 */
export async function checkRandomness(
  { randomness, revealed }: DrawFacts,
  rules: RaffleRules,
  closedAtUs: number | undefined,
  findings: Findings,
  hash: Sha256,
): Promise<void> {
  const announced = rules.draw.randomness;
  if (announced.source === 'commit' && revealed.source === 'commit') {
    if (!areEqual(commitmentTo(revealed.secret, hash), announced.commitment)) {
      findings.add('randomness', 'the revealed secret does not match the commitment in the rules');
    }
    if (!areEqual(randomness, revealed.secret)) {
      findings.add('randomness', 'the randomness is not the revealed secret');
    }
  }
  if (announced.source === 'drand' && revealed.source === 'drand') {
    await checkRound(announced, revealed, rules.closesAtUs, closedAtUs ?? rules.closesAtUs, findings, hash);
    if (!areEqual(randomness, hash.sha256(revealed.signature))) {
      findings.add('randomness', "the randomness is not the hash of the round's signature");
    }
  }
}

async function checkRound(
  announced: { readonly chainHash: Uint8Array; readonly round: number },
  revealed: Extract<Revealed, { readonly source: 'drand' }>,
  announcedCloseUs: number,
  closedAtUs: number,
  findings: Findings,
  hash: Sha256,
): Promise<void> {
  if (!isQuicknet(announced.chainHash)) {
    findings.add('drand-chain', 'the rules name a drand chain other than quicknet, the only one known here');
    return;
  }
  checkFreeze(announced.round, revealed, announcedCloseUs, closedAtUs, findings);
  const knownUs = instantOfRound(announced.round);
  if (knownUs <= closedAtUs) {
    findings.add(
      'drand-round',
      `round ${announced.round} was known at ${isoOf(knownUs)}, before or at the close at ${isoOf(closedAtUs)}`,
    );
  }
  if (!(await verifyRound(revealed.round, revealed.signature, hash))) {
    findings.add(
      'drand-signature',
      `the given signature is not quicknet's signature of round ${revealed.round}`,
    );
  }
}

/**
 * If the announced round was already known at the stated freeze, a later round counts: the first that is as far behind the
 * freeze as the announced one is behind the announced close. Nothing but the time of the freeze determines it.
 */
function checkFreeze(
  announced: number,
  { round, frozenAtUs }: { readonly round: number; readonly frozenAtUs: number | undefined },
  announcedCloseUs: number,
  closedAtUs: number,
  findings: Findings,
): void {
  if (frozenAtUs === undefined) {
    if (round === announced) return;
    findings.add('drand-round', `the rules announce round ${announced}, but round ${round} was used`);
    return;
  }
  if (frozenAtUs < closedAtUs) {
    findings.add(
      'drand-round',
      `the stated freeze at ${isoOf(frozenAtUs)} is before the close at ${isoOf(closedAtUs)}`,
    );
  }
  const right = roundOfFreeze(announced, announcedCloseUs, frozenAtUs);
  if (round === right) return;
  findings.add(
    'drand-round',
    `the rules announce round ${announced}, and a freeze at ${isoOf(frozenAtUs)} requires round ${right}, but round ${round} was used`,
  );
}

export function checkSeed(
  { randomness, seed }: DrawFacts,
  rules: RaffleRules,
  poolRoot: Uint8Array,
  poolCount: number,
  findings: Findings,
  hash: Sha256,
): void {
  if (!areEqual(seed, seedOf(randomness, rules.hash, poolRoot, poolCount, hash))) {
    findings.add(
      'seed',
      'the seed does not follow from the randomness, the rules, and the root and count of the pool',
    );
  }
}

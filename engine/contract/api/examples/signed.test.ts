/** What the examples show as signed or drawn is so: a reader who tries our instructions on them succeeds. */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { jwtVerify } from 'jose';
import { rulesHash, rulesText } from '../../../draw/rules.ts';
import { compute } from '../../../draw/testing/vector.ts';
import { headPositionText } from '../../../verify/heads/head-positions.ts';
import { isIncluded, leafHash } from '../../hashing/merkle.ts';
import { leafData, whoOf } from '../../record/leaf.ts';
import { ITEM_CLAIM, ITEM_ENTRY } from '../../record/record.ts';
import { chainHash, decodeSignedHead, SLICE_HEAD_BYTES } from '../../record/slice-head.ts';
import { instantOf } from '../../record/stamp.ts';
import {
  claimReceipt,
  drawProof,
  entryReceipt,
  NEXT_HEADS,
  pass,
  passKey,
  publicKeys,
  signedHeads,
  visit,
} from './signed.ts';
import { alice, bob, drop, raffle, room, secondDrop } from './story.ts';

const OPENS_AT_US = usOf(drop.opensAt);
const heads = signedHeads.map(head => decodeSignedHead(Buffer.from(head, 'base64url')));

function usOf(instant: string): number {
  return Date.parse(instant) * 1_000;
}

function keyOf(x: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

describe('the signed parts of the examples', () => {
  it('are heads that the key for slices has signed, in one chain', () => {
    const key = publicKeys.find(({ use }) => use === 'slices');
    for (const [index, head] of heads.entries()) {
      assert.equal(head.keyId.toString('hex'), key?.id);
      const signed = Buffer.from(signedHeads[index] ?? '', 'base64url').subarray(0, SLICE_HEAD_BYTES);
      assert.ok(verify(null, signed, keyOf(key?.public ?? ''), head.signature));
    }
    assert.deepEqual(heads[1]?.previous, chainHash(Buffer.from(signedHeads[0], 'base64url')));
    assert.equal(heads[1] && headPositionText(heads[1]), NEXT_HEADS);
  });

  for (const [name, kind, receipt] of [
    ['entry', ITEM_ENTRY, entryReceipt],
    ['claim', ITEM_CLAIM, claimReceipt],
  ] as const) {
    it(`are a receipt that proves Alice's ${name}`, () => {
      const head = decodeSignedHead(Buffer.from(receipt.head, 'base64url'));
      const who = whoOf(Buffer.from(receipt.salt, 'base64url'), alice.user);
      const leaf = leafHash(leafData({ kind, campaignId: drop.id, stamp: receipt.stamp }, who));
      const position = { leaf: receipt.leaf, count: head.count };
      assert.equal(receipt.kind, kind);
      assert.ok(isIncluded(leaf, position, Buffer.from(receipt.path, 'base64url'), head.root));
    });
  }

  it('are stamps of the instants that they stand beside', () => {
    assert.equal(entryReceipt.stamp, alice.stamp);
    for (const [stamp, shown] of [
      [alice.stamp, alice.requestedAt],
      [bob.stamp, bob.requestedAt],
      [claimReceipt.stamp, alice.claimedAt],
    ] as const) {
      const instant = new Date(instantOf(stamp, OPENS_AT_US) / 1_000).toISOString();
      assert.equal(instant.slice(0, 23), shown.slice(0, 23));
    }
  });

  it('are a pass and a visit of Alice to the room', async () => {
    for (const [token, typ] of [
      [pass, 'fairline-pass+jwt'],
      [visit, 'fairline-visit+jwt'],
    ] as const) {
      const { payload, protectedHeader } = await jwtVerify(token, keyOf(passKey.x), {
        typ,
        audience: `fairline-room-${room.id}`,
        currentDate: new Date(room.admittedAt),
      });
      assert.deepEqual([payload.sub, payload.serial], [alice.user, room.serial]);
      assert.equal(protectedHeader.kid, passKey.kid);
    }
  });

  it('are the hashes of the announced rules', () => {
    const later = { ...drop, closesAt: drop.laterClose, rulesHash: drop.laterRulesHash };
    const raised = { ...drop, stock: drop.raisedStock, rulesHash: drop.raisedRulesHash };
    const second = { ...secondDrop, stock: drop.stock };
    for (const { id, stock, opensAt, closesAt, rulesHash: shown } of [drop, later, raised, second]) {
      const rules = rulesText({
        kind: 'coupon',
        campaign: id,
        title: drop.title,
        stock,
        opensAtUs: usOf(opensAt),
        closesAtUs: usOf(closesAt),
        claims: { withinS: drop.claimWithinS, waitlist: drop.waitlist },
      });
      assert.equal(rulesHash(rules).toString('base64url'), shown);
    }
  });

  it('are the draw of the raffle', () => {
    const { winners, alternates, proof } = compute({
      campaign: raffle.id,
      title: raffle.title,
      opens_at_us: usOf(raffle.opensAt),
      closes_at_us: usOf(raffle.closesAt),
      salt_secret: 'a-secret-of-salts-for-the-examples-only',
      tiers: [{ name: 'prize', winners: 1 }],
      alternates: 1,
      group_limit: null,
      randomness: {
        source: 'commit',
        draw_secret: 'a-secret-of-draws-for-the-examples-only',
        nonce: Buffer.alloc(32).toString('base64url'),
      },
      entrants: [
        { user: alice.user, stamp: raffle.stamps[0], tickets: 2 },
        { user: bob.user, stamp: raffle.stamps[1] },
      ],
    });
    assert.deepEqual([winners, alternates], [[alice.user], [bob.user]]);
    assert.deepEqual(JSON.parse(proof), drawProof);
  });
});

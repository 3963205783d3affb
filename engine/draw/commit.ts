/**
 * Randomness by commitment, without a third party: a secret of 256 bits, of which H("fairline commit 1" || secret) is shown
 * when the raffle is created and the secret itself after the freeze. Anyone who has both can check that the secret is the one
 * that was committed to (Blum describes a scheme of this kind in "Coin Flipping by Telephone", 1981).
 *
 * The secret is stored nowhere: it is derived from DRAW_SECRET and a nonce in the ledger, as HMAC-SHA-256(DRAW_SECRET,
 * "fairline draw secret 1" || campaign u32 || nonce). So the ledger alone does not reveal what will be drawn, and a raffle
 * created under another DRAW_SECRET cannot be drawn until that one is back.
 *
 * What this does not prove: anyone who knows the secret before the close can find out by trial which entries of their own would
 * win. `drand` prevents that. Slice heads that are published as they are made limit it in both cases.
 */
import { createHash, createHmac } from 'node:crypto';

export const SECRET_BYTES = 32;
/** Two raffles never share a secret, even if ids start over with an emptied ledger. */
export const NONCE_BYTES = 32;

/** The secret of a campaign, 32 bytes. */
export function deriveSecret(drawSecret: string, campaignId: number, nonce: Uint8Array): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(campaignId);
  return createHmac('sha256', drawSecret).update('fairline draw secret 1').update(id).update(nonce).digest();
}

/** The commitment to a secret, shown beforehand; 32 bytes. */
export function commitmentOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update('fairline commit 1').update(secret).digest();
}

/**
 * Randomness by commitment, which needs nobody else: a secret of 256 bits, of which H("fairline commit 1" || secret) is
 * shown when the raffle is made and the secret itself after the freeze. Whoever holds the two can check that it is the
 * one that was meant (a scheme of this kind is described by Blum, "Coin Flipping by Telephone", 1981).
 *
 * The secret stands nowhere: it is made again from DRAW_SECRET and a nonce in the ledger, as
 * HMAC-SHA-256(DRAW_SECRET, "fairline draw secret 1" || campaign u32 || nonce). So the ledger alone tells nobody what will
 * be drawn, and a raffle that was made under another DRAW_SECRET cannot be drawn until that one is back.
 *
 * What this does not prove: whoever knows the secret before the close can try out which entries of their own would make
 * them win. `drand` closes that. Slice heads that are published as they are made bound it in both.
 */
import { createHash, createHmac } from 'node:crypto';

export const SECRET_BYTES = 32;
/** Two raffles never share a secret, also where ids begin anew with an emptied ledger. */
export const NONCE_BYTES = 32;

/** The secret of a campaign, 32 bytes. */
export function deriveSecret(drawSecret: string, campaignId: number, nonce: Uint8Array): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(campaignId);
  return createHmac('sha256', drawSecret).update('fairline draw secret 1').update(id).update(nonce).digest();
}

/** What is shown of a secret beforehand, 32 bytes. */
export function commitmentOf(secret: Uint8Array): Buffer {
  return createHash('sha256').update('fairline commit 1').update(secret).digest();
}

/** Checks the reveal of a raffle's randomness against what was announced. */
import { commitmentOf, SECRET_BYTES } from './commit.ts';
import { isSignatureOf, randomnessOf } from './drand.ts';
import { quicknet } from './quicknet.ts';
import type { AnnouncedRandomness } from './rules.ts';

export type Reveal =
  | { readonly source: 'commit'; readonly secret: Uint8Array }
  | { readonly source: 'drand'; readonly round: number; readonly signature: Uint8Array };

/** The reveal does not match the announcement; `message` says how they differ. */
export class RevealRefused extends Error {}

/**
 * The randomness, 32 bytes, of a raffle that announced `announced`: the secret itself, or the hash of the round's signature.
 * Throws RevealRefused for anything but the one secret, or the one round of the one chain.
 */
export function randomnessFrom(announced: AnnouncedRandomness, reveal: Reveal): Buffer {
  if (announced.source === 'commit' && reveal.source === 'commit') {
    const { secret } = reveal;
    if (secret.length !== SECRET_BYTES) {
      throw new RevealRefused(`the secret has ${secret.length} bytes, not ${SECRET_BYTES}`);
    }
    const commitment = commitmentOf(secret).toString('base64url');
    if (commitment !== announced.commitment) {
      throw new RevealRefused(`the secret gives the commitment ${commitment}, not ${announced.commitment}`);
    }
    return Buffer.from(secret);
  }
  if (announced.source === 'drand' && reveal.source === 'drand') {
    const { round, signature } = reveal;
    if (announced.chain_hash !== quicknet.chainHash) {
      throw new RevealRefused(`the chain ${announced.chain_hash} is not quicknet, the only supported one`);
    }
    if (round !== announced.round) {
      throw new RevealRefused(`the round is ${round}, but ${announced.round} was announced`);
    }
    if (!isSignatureOf(quicknet, round, signature)) {
      throw new RevealRefused(`the signature is not quicknet's signature of round ${round}`);
    }
    return randomnessOf(signature);
  }
  throw new RevealRefused(`${reveal.source} was revealed, but ${announced.source} was announced`);
}

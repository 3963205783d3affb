/**
 * The randomness of raffles: what is announced of it when a raffle is created, and the reveal once its pool is frozen.
 * reveal.ts checks a reveal; this file only obtains it.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { commitmentOf, deriveSecret, NONCE_BYTES } from './commit.ts';
import { roundAt } from './drand.ts';
import { fetchRound } from './drand-relays.ts';
import { quicknet } from './quicknet.ts';
import type { Reveal } from './reveal.ts';
import type { AnnouncedRandomness } from './rules.ts';

export interface RandomnessOptions {
  readonly drawSecret: string;
  /** The minimum time between a raffle's announced close and its round. */
  readonly drandDelayMs: number;
  readonly relays: readonly string[];
  /** The shared clock, milliseconds since the epoch: that of the machine may be hours behind, and the draw would wait for it. */
  readonly nowMs: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

/** A relay that answers at all needs a fraction of this. */
const RELAY_TIMEOUT_MS = 5_000;
/** The period of quicknet: there is nothing new sooner. */
const RELAYS_AGAIN_MS = 3_000;

export class Randomness {
  readonly #options: RandomnessOptions;

  constructor(options: RandomnessOptions) {
    this.#options = options;
  }

  /** What to announce for a raffle with this id; the nonce is for the ledger alone. */
  announce(
    source: AnnouncedRandomness['source'],
    campaign: { readonly campaignId: number; readonly closesAt: Date },
  ): { readonly announced: AnnouncedRandomness; readonly nonce: Buffer | null } {
    const { drawSecret, drandDelayMs } = this.#options;
    switch (source) {
      case 'commit': {
        const nonce = randomBytes(NONCE_BYTES);
        const secret = deriveSecret(drawSecret, campaign.campaignId, nonce);
        const commitment = commitmentOf(secret).toString('base64url');
        return { announced: { source, commitment }, nonce };
      }
      case 'drand': {
        const round = roundAt(quicknet, campaign.closesAt.getTime() + drandDelayMs);
        return { announced: { source, chain_hash: quicknet.chainHash, round }, nonce: null };
      }
    }
  }

  /**
   * Obtains the reveal of the announced randomness. With drand it waits for the round, and for a relay that has it, until
   * `stopping` is aborted; then it rejects.
   */
  async reveal(
    announced: AnnouncedRandomness,
    campaign: { readonly campaignId: number; readonly nonce: Buffer | null },
    stopping: AbortSignal,
  ): Promise<Reveal> {
    const { campaignId, nonce } = campaign;
    switch (announced.source) {
      case 'commit': {
        if (nonce === null) throw new Error(`campaign ${campaignId} has a commitment but no nonce`);
        return { source: 'commit', secret: deriveSecret(this.#options.drawSecret, campaignId, nonce) };
      }
      case 'drand': {
        const { round } = announced;
        const faulty = new Set<string>();
        const options = {
          chain: quicknet,
          relays: this.#options.relays,
          timeoutMs: RELAY_TIMEOUT_MS,
          nowMs: this.#options.nowMs,
          againMs: RELAYS_AGAIN_MS,
          onFault: (relay: string, reason: string) => {
            if (faulty.has(relay)) return;
            faulty.add(relay);
            this.#options.log.warn(
              // Not the whole address: it may carry a password.
              { campaignId, round, relay: new URL(relay).host, reason },
              'a drand relay did not return the round; retrying',
            );
          },
        };
        return { source: 'drand', round, signature: await fetchRound(options, round, stopping) };
      }
    }
  }
}

/** Whether the networks of clients are known, by which attempts are limited: see engine/contract/clients/network.ts. */

/** Requests that are looked at together. */
const REQUESTS = 1_000;

/**
 * Warns if the networks of most clients are unknown: then all of them share the limits of one. It is told the network of each request, and
 * warns with each thousand that is so.
 */
export class UnknownNetworks {
  readonly #warn: (share: number) => void;
  #requests = 0;
  #unknown = 0;

  /** `warn`: called with the share of them, 0 to 1. */
  constructor(warn: (share: number) => void) {
    this.#warn = warn;
  }

  count(network: string): void {
    this.#requests += 1;
    if (network === '') this.#unknown += 1;
    if (this.#requests < REQUESTS) return;
    const share = this.#unknown / this.#requests;
    [this.#requests, this.#unknown] = [0, 0];
    if (share > 0.5) this.#warn(share);
  }
}

/**
 * The network of a client, by which attempts are counted and which a session shows its fan: the /24 of an IPv4 address, the /64 of an
 * IPv6 address. A whole address is not kept anywhere.
 */
import { isIPv4 } from 'node:net';
import { addressPrefix } from '../http/client-address.ts';

/** The first address of the network; '' for an unknown one. */
export function networkOf(address: string | undefined): string {
  const prefix = address === undefined ? undefined : addressPrefix(address);
  if (prefix === undefined) return '';
  return isIPv4(prefix) ? prefix.replace(/\d+$/, '0') : `${prefix}::`;
}

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

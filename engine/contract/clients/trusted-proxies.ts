/**
 * The proxies whose X-Forwarded-For, and at gateways X-Request-Start, is accepted, by the address of the connection (TRUSTED_PROXIES,
 * ACCOUNTS_TRUSTED_PROXIES, ENGINE_TRUSTED_PROXIES).
 * Node's net.BlockList does the matching; it also matches an IPv4 proxy on an IPv6 socket (::ffff:10.0.0.7).
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

const BITS = { ipv4: 32, ipv6: 128 } as const;

/** Reads comma-separated CIDR blocks (RFC 4632, RFC 4291 section 2.3) or single addresses; undefined if any is invalid. */
export function readNetworks(text: string): readonly Network[] | undefined {
  if (text.trim() === '') return [];
  const networks = text.split(',').map(part => readNetwork(part.trim()));
  return networks.every(network => network !== undefined) ? networks : undefined;
}

function readNetwork(text: string): Network | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  // Node takes fe80::1%eth0 for an IPv6 address; a zone has no meaning in a block.
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined;
  if (family === undefined || rest.length > 0) return undefined;
  if (bits === undefined) return { address, bits: BITS[family], family };
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > BITS[family]) return undefined;
  return { address, bits: Number(bits), family };
}

/** Proxies are few. Once this many addresses are cached, the cache is cleared. */
const ADDRESSES_KEPT = 1_000;

export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #known = new Map<string, boolean>();
  /** False if no proxy is trusted: then the address of the connection need not be read. */
  readonly some: boolean;

  constructor(networks: readonly Network[]) {
    this.some = networks.length > 0;
    for (const { address, bits, family } of networks) this.#list.addSubnet(address, bits, family);
  }

  /** Whether a connection comes from a trusted proxy; `address` as text, '' if unknown. */
  has(address: string): boolean {
    if (!this.some) return false;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
    const isTrusted = family !== undefined && this.#list.check(address, family);
    if (this.#known.size >= ADDRESSES_KEPT) this.#known.clear();
    this.#known.set(address, isTrusted);
    return isTrusted;
  }
}

/**
 * The address of a client, as far as it can be determined: the address of the connection or, if that is one of
 * TRUSTED_PROXIES, the last address in X-Forwarded-For that is not one of them. A private address identifies nobody: it
 * belongs to an unlisted proxy, or stands for everybody in a network. Use the result only for limits: people behind one
 * address are not one person.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { groupsOf, isMapped } from '../../engine/contract/api/ip-address.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** RFC 1918, 6598 (100.64/10), 3927, 4193, 4291; loopback. */
const INSIDE = new BlockList();
for (const [address, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const) {
  INSIDE.addSubnet(address, bits, 'ipv4');
}
INSIDE.addAddress('::1', 'ipv6');
INSIDE.addSubnet('fc00::', 7, 'ipv6');
INSIDE.addSubnet('fe80::', 10, 'ipv6');

/** Only the last addresses of a longer X-Forwarded-For are read: the client may have sent the earlier ones. */
const MOST_HOPS = 16;

/** The client's address; undefined if it cannot be determined. `remote` is that of the connection, '' if it is gone. */
export function clientAddress(
  proxies: Pick<TrustedProxies, 'has'>,
  remote: string,
  forwardedFor: string,
): string | undefined {
  const address = lastHop(proxies, remote, forwardedFor);
  return address !== undefined && identifies(address) ? address : undefined;
}

/** Like clientAddress, but it may be a private address, or no address at all. */
export function lastHop(
  proxies: Pick<TrustedProxies, 'has'>,
  remote: string,
  forwardedFor: string,
): string | undefined {
  if (!proxies.has(remote)) return remote;
  for (const hop of forwardedFor.split(',').slice(-MOST_HOPS).reverse()) {
    const address = hop.trim();
    if (!proxies.has(address)) return address;
  }
  return undefined;
}

/** Whether it is an address, and not a private one. */
export function identifies(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  return !INSIDE.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** The smallest block given to one customer: an IPv4 address or 64 bits of IPv6 (RFC 6177); undefined if not an address. */
export function addressPrefix(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return undefined;
  const groups = groupsOf(address);
  if (!isMapped(groups))
    return groups
      .slice(0, 4)
      .map(group => group.toString(16))
      .join(':');
  const [high = 0, low = 0] = groups.slice(6);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

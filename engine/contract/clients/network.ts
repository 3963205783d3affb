/**
 * The network of a client, by which attempts are counted: the /24 of an IPv4 address, the /64 of an IPv6 address. It is also what a
 * session shows its fan, as a whole address is not kept anywhere.
 */
import { isIPv4 } from 'node:net';
import { addressPrefix } from './client-address.ts';

/** The first address of the network; '' for an unknown one. */
export function networkOf(address: string | undefined): string {
  const prefix = address === undefined ? undefined : addressPrefix(address);
  if (prefix === undefined) return '';
  return isIPv4(prefix) ? prefix.replace(/\d+$/, '0') : `${prefix}::`;
}

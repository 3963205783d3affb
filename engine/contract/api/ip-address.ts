/** IP addresses and networks (RFC 4632; RFC 4291, sections 2.2 and 2.3) as numbers. */
import { isIPv4, isIPv6 } from 'node:net';

const BITS = { 4: 32, 6: 128 } as const;

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A network: the leading `bits` of an address; the others are zero. */
export interface Network extends Address {
  readonly bits: number;
}

/** The address; an IPv4 address that is mapped into IPv6 is one of IPv4. Undefined if it is no address, or has a zone. */
export function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: joined(text.split('.').map(Number), 8) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const groups = groupsOf(text);
  if (!isMapped(groups)) return { family: 6, value: joined(groups, 16) };
  return { family: 4, value: joined(groups.slice(6), 16) };
}

/** The network; undefined if it is none, or an address within one. */
export function readNetwork(text: string): Network | undefined {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  const read = readAddress(address);
  // A mapped network would have other bits than its text says.
  if (read === undefined || (read.family === 4) !== isIPv4(address)) return undefined;
  const network = { ...read, bits: Number(bits) };
  if (network.bits > BITS[read.family]) return undefined;
  return leading(network, network.bits) << BigInt(BITS[read.family] - network.bits) === read.value
    ? network
    : undefined;
}

/** The leading bits of an address, as a number. */
export function leading({ family, value }: Address, bits: number): bigint {
  return value >> BigInt(BITS[family] - bits);
}

/** Whether the groups are those of an IPv4 address that is mapped into IPv6. */
export function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff;
}

/** The eight groups of an IPv6 address. */
export function groupsOf(address: string): number[] {
  const parts = address.split('::').map(part => (part === '' ? [] : part.split(':').flatMap(numbersOf)));
  const [head = [], tail = []] = parts;
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** One group, or the two that a trailing IPv4 address stands for. */
function numbersOf(group: string): number[] {
  if (!group.includes('.')) return [Number.parseInt(group, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function joined(parts: readonly number[], bits: number): bigint {
  return parts.reduce((value, part) => (value << BigInt(bits)) | BigInt(part), 0n);
}

/**
 * IP addresses and networks (RFC 4632; RFC 4291, sections 2.2 and 2.3) as numbers. Of an IPv6 address only the first 64 bits are kept: a
 * longer prefix names no network here. Gateways read an address with each request while a network is blocked, so nothing here makes a BigInt.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** An address in two halves of `HALF` bits each, as signed integers of 32 bits: V8 keeps those without an allocation. */
export interface Address {
  readonly family: 4 | 6;
  readonly high: number;
  readonly low: number;
}

/** A network: the leading `bits` of an address; the others are zero. */
export interface Network extends Address {
  readonly bits: number;
}

/** Of IPv4, the bits in each half of an address; of IPv6, those in each half of its first 64. */
const HALF = { 4: 16, 6: 32 } as const;

/** The address; an IPv4 address that is mapped into IPv6 is one of IPv4. Undefined if it is no address, or has a zone. */
export function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) return address4(uint32Of(text));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const groups = groupsOf(text);
  if (!isMapped(groups)) return address6(groups);
  const [high = 0, low = 0] = groups.slice(6);
  return { family: 4, high, low };
}

/** The network, of at most 64 bits of IPv6; undefined if it is none, or an address within one. */
export function readNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const [before, after] = [text.slice(0, slash), text.slice(slash + 1)];
  const bits = /^\d{1,3}$/.test(after) ? Number(after) : undefined;
  const address = slash === -1 || bits === undefined ? undefined : networkAddress(before);
  if (address === undefined || bits === undefined || bits > 2 * HALF[address.family]) return undefined;
  const { high, low } = leading(address, bits);
  return high === address.high && low === address.low ? { ...address, bits } : undefined;
}

/** The address of a network; a mapped one would have other bits than its text says. */
function networkAddress(text: string): Address | undefined {
  if (isIPv4(text)) return address4(uint32Of(text));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const groups = groupsOf(text);
  const [, , , , e, f, g, h] = groups;
  return e === 0 && f === 0 && g === 0 && h === 0 ? address6(groups) : undefined;
}

/** An address with all but its leading bits zero. */
export function leading({ family, high, low }: Address, bits: number): Address {
  const half = HALF[family];
  return { family, high: leadingOf(high, half, bits), low: leadingOf(low, half, bits - half) };
}

/** A half of an address with all but its leading bits zero. `bits` may lie outside of the half. */
function leadingOf(half: number, width: number, bits: number): number {
  if (bits >= width) return half;
  // A shift by 32 is one by 0.
  return bits <= 0 ? 0 : half & (-1 << (width - bits));
}

/** Whether the groups are those of an IPv4 address that is mapped into IPv6. */
export function isMapped(groups: readonly number[]): boolean {
  const [a, b, c, d, e, f] = groups;
  return a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
}

const [DOT, COLON] = [0x2e, 0x3a];

/** The eight groups of an IPv6 address. */
export function groupsOf(address: string): number[] {
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  // Two groups may be written as an IPv4 address.
  const end = address.includes('.') ? address.lastIndexOf(':') + 1 : address.length;
  let [count, gap, value, digits] = [0, -1, 0, 0];
  for (let at = 0; at < end; at++) {
    const code = address.charCodeAt(at);
    if (code !== COLON) {
      value = value * 16 + hexDigit(code);
      digits += 1;
    } else if (digits > 0) {
      groups[count++] = value;
      [value, digits] = [0, 0];
    } else {
      gap = count;
    }
  }
  if (digits > 0) groups[count++] = value;
  if (end < address.length) {
    const { high, low } = address4(uint32Of(address.slice(end)));
    groups[count++] = high;
    groups[count++] = low;
  }
  if (gap === -1) return groups;
  const tailAt = 8 - (count - gap);
  return groups.copyWithin(tailAt, gap, count).fill(0, gap, tailAt);
}

function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** An IPv4 address as one number. */
function uint32Of(text: string): number {
  let [value, part] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) [value, part] = [value * 256 + part, 0];
    else part = part * 10 + code - 0x30;
  }
  return value * 256 + part;
}

function address6([a = 0, b = 0, c = 0, d = 0]: readonly number[]): Address {
  return { family: 6, high: (a << 16) | b, low: (c << 16) | d };
}

function address4(value: number): Address {
  return { family: 4, high: value >>> 16, low: value & 0xffff };
}

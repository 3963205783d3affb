/**
 * The world of a made book: users who enter, repeat and withdraw at several gateways that serve another campaign as well, and the
 * gateways' signed slices.
 */
import {
  base64url,
  leafHashOf,
  linkTo,
  type Signer,
  sha256,
  signedHeadOf,
  signerOf,
  treeRoot,
  u32,
  u64,
} from './basics.ts';
import type { Item, KeyObject, MadeSlice, Plan } from './made.ts';

export const CAMPAIGN = 7;
const OTHER_CAMPAIGN = 8;
export const EPOCH = 3;
/** Incarnation `number` of the epoch. */
export const incarnationOf = (number: number): number => EPOCH * 2 ** 32 + number;
/** The first number is quiet, and so is the last. */
export const numberOf = (gateway: number): number => gateway + 2;
/** How far outside the window the first and last heads of chains are. */
export const OUTSIDE_US = 5_000_000;
/** In 2023, before the real round of drand became known. */
export const OPENS_AT_US = 1_692_800_000_000_000;
export const CLOSES_AT_US = 1_692_803_600_000_000;
export const sliceSigner = signerOf('slices');
export const bookSigner = signerOf('books');

/** The key of a monitor of this name. */
export const monitorSigner = (name: string): Signer => signerOf(`monitor ${name}`);

export function keyObject(signer: Signer, use: string): KeyObject {
  return {
    id: signer.id.toString('hex'),
    public: base64url(signer.raw),
    from: '2023-01-01T00:00:00Z',
    until: null,
    revoked: null,
    use,
  };
}

export function saltOf(user: string): Buffer {
  return sha256('salt', user).subarray(0, 16);
}

export function whoOf(user: string): Buffer {
  return sha256(saltOf(user), user);
}

function item(kind: 1 | 2 | 3, campaign: number, source: 0 | 1, stamp: number, user: string): Item {
  const data = Buffer.concat([Uint8Array.of(kind, source), u32(campaign), u64(stamp), whoOf(user)]);
  return { kind, source, campaign, stamp, user, data, leaf: leafHashOf(data) };
}

/** All items, in the order of stamps. */
export function world({ entries, gateways = 2, isMixed = true, waitlist }: Plan): Item[] {
  const items: Item[] = [];
  const stepUs = Math.floor((CLOSES_AT_US - OPENS_AT_US) / (5 * entries + 4));
  let turn = 0;
  const arrive = (kind: 1 | 2 | 3, campaign: number, user: string): void => {
    const atUs = turn * stepUs;
    items.push(item(kind, campaign, turn % 11 === 3 ? 1 : 0, atUs * 1024 + (turn % gateways), user));
    turn += 1;
  };
  for (let number = 0; number < entries; number++) {
    arrive(1, CAMPAIGN, `user${number}`);
    if (waitlist !== undefined) arrive(3, CAMPAIGN, `user${number}`);
    if (!isMixed) continue;
    if (number % 5 === 1) arrive(1, CAMPAIGN, `user${number}`);
    if (number % 7 === 2) arrive(2, CAMPAIGN, `user${number}`);
    if (number % 6 === 4) arrive(1, OTHER_CAMPAIGN, `user${number}`);
  }
  return items;
}

/** Cuts each gateway's items into slices, and signs and chains them. */
export function sliced(
  items: readonly Item[],
  { gateways = 2, sliceItems = 5, isMixed = true }: Plan,
): MadeSlice[] {
  const slices: MadeSlice[] = [];
  for (let gateway = 0; gateway < gateways; gateway++) {
    // Every second chain began before the opening, and continues after the close.
    const isLonger = gateway % 2 === 0;
    let previous = isLonger ? sha256('an earlier slice of this incarnation', u32(gateway)) : Buffer.alloc(32);
    let sliceNumber = isLonger ? 40 : 1;
    const signSlice = (
      its: readonly Item[],
      instants = its.map(({ stamp }) => OPENS_AT_US + Math.floor(stamp / 1024)),
    ): void => {
      const fields = {
        gateway,
        incarnation: incarnationOf(numberOf(gateway)),
        sliceNumber,
        firstUs: instants[0] ?? 0,
        lastUs: instants.at(-1) ?? 0,
        count: its.length,
        root: treeRoot(its.map(({ leaf }) => leaf)),
        previous,
      };
      const head = signedHeadOf(fields, sliceSigner);
      previous = linkTo(head);
      // Numbers of slices without items are skipped.
      sliceNumber += its.length % 3 === 0 ? 2 : 1;
      slices.push({ head, items: its });
    };
    const signOutside = (atUs: number): void => {
      if (isLonger) signSlice([item(1, OTHER_CAMPAIGN, 0, gateway, `outside ${atUs}`)], [atUs]);
    };
    signOutside(OPENS_AT_US - OUTSIDE_US);
    const own = items.filter(({ stamp }) => stamp % 1024 === gateway);
    for (let from = 0; from < own.length; from += sliceItems) {
      signSlice(own.slice(from, from + sliceItems));
      // Some slices have only items of another campaign.
      const last = own[Math.min(from + sliceItems, own.length) - 1];
      if (isMixed && last !== undefined && (from / sliceItems) % 3 === 1) {
        signSlice([item(1, OTHER_CAMPAIGN, 0, last.stamp, `elsewhere${from}`)]);
      }
    }
    signOutside(CLOSES_AT_US + OUTSIDE_US);
  }
  return slices;
}

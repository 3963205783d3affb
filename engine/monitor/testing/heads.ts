/** Signed heads for tests. */

import { readHead } from '../../verify/receipts/head.ts';
import {
  base64url,
  type HeadFields,
  linkTo,
  type Signer,
  sha256,
  signedHeadOf,
  signerOf,
} from '../../verify/testing/basics.ts';
import type { ShownHead } from '../chain-watch.ts';

export const signer: Signer = signerOf('slices');

const plain: HeadFields = {
  gateway: 1,
  incarnation: 11,
  sliceNumber: 1,
  firstUs: 1,
  lastUs: 1,
  count: 1,
  root: sha256('a root'),
  previous: Buffer.alloc(32),
};

export function shownOf(fields: HeadFields, by = signer): ShownHead {
  const text = base64url(signedHeadOf(fields, by));
  return { text, head: readHead(text, 'a head of a test') };
}

/** The first head of a chain. */
export function first(fields: Partial<HeadFields>): ShownHead {
  const { firstUs = 1 } = fields;
  return shownOf({ ...plain, lastUs: firstUs, ...fields });
}

/** A head that continues another. */
export function follows({ text, head }: ShownHead, fields: Partial<HeadFields>): ShownHead {
  const { gateway, incarnation } = head;
  return first({ gateway, incarnation, previous: linkTo(Buffer.from(text, 'base64url')), ...fields });
}

/** A chain of `count` heads, a millisecond apart; every third slice number is left out. */
export function chained(gateway: number, incarnation: number, count: number): readonly ShownHead[] {
  const chain = [first({ gateway, incarnation, firstUs: 1_000 })];
  for (let index = 1; index < count; index++) {
    const last = chain.at(-1);
    if (last === undefined) break;
    const sliceNumber = last.head.sliceNumber + (index % 3 === 2 ? 2 : 1);
    chain.push(follows(last, { sliceNumber, firstUs: 1_000 * (index + 1) }));
  }
  return chain;
}

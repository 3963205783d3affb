/** What a search for a person is by: exactly one thing, checked and in the form in which the ledger has it. */
import { ADDRESS_EXPECTED, normaliseAddress } from '../contract/api/addresses.ts';
import {
  type FieldFault,
  fieldFault,
  invalidRequest,
  type Problem,
  secretFault,
} from '../contract/api/problem.ts';
import type { Receipt } from '../contract/record/receipt.ts';
import { MAX_USER_ID_BYTES } from '../contract/record/record.ts';
import { decodeSignedHead, WrongSliceHead } from '../contract/record/slice-head.ts';

export type Wanted =
  | { readonly by: 'user'; readonly userId: string }
  /** As normaliseAddress makes it. */
  | { readonly by: 'address'; readonly address: string }
  | { readonly by: 'code'; readonly code: string }
  | { readonly by: 'serial'; readonly campaignId: number; readonly serial: number }
  /** Its head is a signed head. */
  | { readonly by: 'receipt'; readonly receipt: Receipt };

/** As in the body of a search. */
export interface GivenSearch {
  readonly user?: string;
  readonly address?: string;
  readonly code?: string;
  readonly serial?: number;
  readonly campaign?: number;
  readonly receipt?: Receipt;
}

const KEYS = ['user', 'address', 'code', 'serial', 'receipt'] as const;
const ONE_OF = 'one of user, address, code, serial with its campaign, and receipt';

/** The problem of a search by nothing. */
export function nothingToFindBy(): Problem {
  return invalidRequest([fieldFault('user', undefined, `a user id, or another ${ONE_OF}`)]);
}

/** Throws Problem invalid-request. It never shows an e-mail address. */
export function readWanted(given: GivenSearch): Wanted {
  const [by, second] = KEYS.filter(key => given[key] !== undefined);
  if (second !== undefined) {
    const fault = second === 'address' ? secretFault : fieldFault;
    const value = second === 'receipt' ? undefined : given[second];
    throw invalidRequest([fault(second, value, `no value beside ${by}: ${ONE_OF}`)]);
  }
  const { campaign } = given;
  if (campaign !== undefined && by !== 'serial')
    throw invalidRequest([fieldFault('campaign', campaign, `no value without a serial: ${ONE_OF}`)]);
  if (given.user !== undefined) return { by: 'user', userId: readUserId(given.user) };
  if (given.address !== undefined) return { by: 'address', address: readAddress(given.address) };
  // Every code is in capital letters: makeCode makes them so, and the ledger takes no others of coupons.
  if (given.code !== undefined) return { by: 'code', code: given.code.toUpperCase() };
  if (given.receipt !== undefined) return { by: 'receipt', receipt: withHead(given.receipt) };
  if (given.serial === undefined) throw nothingToFindBy();
  if (campaign === undefined)
    throw invalidRequest([fieldFault('campaign', undefined, 'the campaign of the serial: each has its own')]);
  return { by: 'serial', campaignId: campaign, serial: given.serial };
}

/** Throws Problem invalid-request. */
export function readUserId(user: string): string {
  if (Buffer.byteLength(user) <= MAX_USER_ID_BYTES) return user;
  throw invalidRequest([fieldFault('user', user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`)]);
}

function readAddress(given: string): string {
  const address = normaliseAddress(given);
  if (address === undefined) throw invalidRequest([secretFault('address', given, ADDRESS_EXPECTED)]);
  return address;
}

function withHead(receipt: Receipt): Receipt {
  try {
    decodeSignedHead(Buffer.from(receipt.head, 'base64url'));
    return receipt;
  } catch (error) {
    if (!(error instanceof WrongSliceHead)) throw error;
    const fault: FieldFault = fieldFault('receipt.head', receipt.head, `a signed head: ${error.message}`);
    throw invalidRequest([fault]);
  }
}

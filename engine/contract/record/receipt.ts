/**
 * Receipts: with one, a user can prove, to anybody and forever, that their request had its stamp. The item's leaf leads by the
 * path to the root that the gateway has signed; the user supplies their user id, and the salt is in the receipt for that.
 *
 * All receipts of a slice are made at once. Paths share most of their text: from the third level on, eight neighbouring leaves
 * have the same, and three hashes are 96 bytes, which are whole groups of base64url (RFC 4648, section 5). So the shared part
 * is written once for eight leaves, and the individual parts are encoded at once for the whole slice.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { HASH_WORDS } from '../hashing/merkle.ts';
import { SALT_BYTES, SALT_WORDS } from './leaf.ts';
import type { ItemSource, LogItem } from './record.ts';
import type { SliceTree } from './slice-tree.ts';

/** As in answers. */
export const Receipt = Type.Object(
  {
    v: Type.Literal(1),
    campaign: Type.Integer(),
    kind: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)], {
      description: '1 entry, 2 withdrawal, 3 claim',
    }),
    source: Type.Union([Type.Literal(0), Type.Literal(1)], {
      description: '0: stamped on arrival at the gateway; 1: the X-Request-Start of a trusted proxy',
    }),
    stamp: Type.Integer(),
    salt: Type.String({ description: 'Secret to this user: 16 bytes in base64url' }),
    leaf: Type.Integer({ minimum: 0, description: 'The index of the leaf in its slice, from 0' }),
    path: Type.String({ description: '32 bytes per level, from the leaf up, in base64url' }),
    head: Type.String({ description: 'The signed head of the slice: 192 bytes in base64url' }),
  },
  {
    additionalProperties: false,
    description: 'Proves to anybody, with the user id and GET /v1/keys, that the request was given its stamp',
  },
);
export type Receipt = Static<typeof Receipt>;

/** The level from which on neighbours share their path: eight leaves are below one of its nodes. */
const SHARED_LEVEL = 3;
/** How many neighbours share the end of a receipt; the first one's leaf index is a multiple of it. */
export const SHARING = 2 ** SHARED_LEVEL;

/** Base64url without padding: each byte makes 4/3 characters, and a remainder one more. */
const charsOf = (bytes: number): number => Math.ceil((bytes * 4) / 3);
/** Whole words, and whole groups of base64url: salt, zeros, and the leaf's individual part of the path. */
const SALT_ROOM_WORDS = 6;
const OWN_WORDS = SALT_ROOM_WORDS + SHARED_LEVEL * HASH_WORDS;
export const SALT_CHARS = charsOf(SALT_BYTES);
const SALT_ROOM_CHARS = charsOf(4 * SALT_ROOM_WORDS);
const OWN_CHARS = charsOf(4 * OWN_WORDS);
/** The length of a leaf's individual part of its path. */
export const PATH_CHARS = OWN_CHARS - SALT_ROOM_CHARS;

/** For the individual parts of leaves, before they become text; the words behind salts stay zero. */
let ownWords = new Int32Array(512 * OWN_WORDS);
/** For the rest of one path: a tree of 2^32 leaves has 32 levels. */
const restWords = new Int32Array(32 * HASH_WORDS);

/** The receipts of one slice, as text; they stay valid when the tree is rebuilt. */
export class SliceReceipts {
  /** As text, one behind the other: salt and individual path of each leaf that shares the rest. */
  readonly #own: Buffer;
  /** The rest of the path and the head, for every eight leaves. */
  readonly #shared: readonly string[];
  /** Leaves from here on share nothing: each has a salt and a whole path. */
  readonly #firstAlone: number;
  readonly #alone: readonly { readonly salt: string; readonly path: string }[];
  readonly #head: string;

  /** For the `count` items that the tree was last built over, and their signed head. */
  constructor(slice: SliceTree, count: number, signedHead: Buffer) {
    const { tree } = slice;
    const head = `","head":"${signedHead.toString('base64url')}"}`;
    const blocks = Math.floor(count / SHARING);
    this.#firstAlone = blocks * SHARING;
    this.#head = head;
    if (ownWords.length < this.#firstAlone * OWN_WORDS) {
      ownWords = new Int32Array(2 * this.#firstAlone * OWN_WORDS);
    }
    for (let leaf = 0; leaf < this.#firstAlone; leaf++) {
      const at = leaf * OWN_WORDS;
      slice.copySalt(leaf, ownWords, at);
      tree.writePath(leaf, 0, SHARED_LEVEL, ownWords, at + SALT_ROOM_WORDS);
    }
    this.#own = Buffer.from(textOf(ownWords, this.#firstAlone * OWN_WORDS), 'latin1');
    this.#shared = Array.from({ length: blocks }, (_, block) => {
      const end = tree.writePath(block * SHARING, SHARED_LEVEL, Number.POSITIVE_INFINITY, restWords, 0);
      return textOf(restWords, end) + head;
    });
    this.#alone = Array.from({ length: count - this.#firstAlone }, (_, index) => {
      const leaf = this.#firstAlone + index;
      slice.copySalt(leaf, restWords, 0);
      return {
        salt: textOf(restWords, SALT_WORDS),
        path: tree.path(leaf).toString('base64url'),
      };
    });
  }

  /** The receipt of an item of the slice as JSON; `leaf` is its index in the slice. */
  textOf(leaf: number, kind: LogItem['kind'], campaignId: number, stamp: number, source: ItemSource): string {
    const begin = `{"v":1,"campaign":${campaignId},"kind":${kind},"source":${source},"stamp":${stamp},"salt":"`;
    if (leaf >= this.#firstAlone) {
      const { salt = '', path = '' } = this.#alone[leaf - this.#firstAlone] ?? {};
      return `${begin}${salt}","leaf":${leaf},"path":"${path}${this.#head}`;
    }
    const at = leaf * OWN_CHARS;
    const salt = this.#own.toString('latin1', at, at + SALT_CHARS);
    const path = this.#own.toString('latin1', at + SALT_ROOM_CHARS, at + OWN_CHARS);
    return `${begin}${salt}","leaf":${leaf},"path":"${path}${this.restOf(leaf)}`;
  }

  /** Whether the leaf shares the end of its path, and so of its receipt, with its neighbours. */
  shares(leaf: number): boolean {
    return leaf < this.#firstAlone;
  }

  /** For a leaf that shares the rest: the receipt after the first PATH_CHARS of its path, up to the end. */
  restOf(leaf: number): string {
    return this.#shared[Math.floor(leaf / SHARING)] ?? '';
  }

  /** For a leaf that shares the rest: copies the salt, SALT_CHARS of text. */
  copySalt(leaf: number, target: Uint8Array, at: number): void {
    const from = leaf * OWN_CHARS;
    this.#own.copy(target, at, from, from + SALT_CHARS);
  }

  /** For a leaf that shares the rest: copies the first PATH_CHARS of its path. */
  copyPath(leaf: number, target: Uint8Array, at: number): void {
    const from = leaf * OWN_CHARS + SALT_ROOM_CHARS;
    this.#own.copy(target, at, from, from + PATH_CHARS);
  }
}

/** The first `length` words in base64url. */
function textOf(words: Int32Array, length: number): string {
  return Buffer.from(words.buffer, 0, 4 * length).toString('base64url');
}

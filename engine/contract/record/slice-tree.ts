/** The Merkle tree over a slice's items, one slice after another, in reused memory that grows with the largest. */
import { MerkleTree, treeBytes } from '../hashing/merkle.ts';
import { Sha256Lanes } from '../hashing/sha256-lanes.ts';
import { LeafHasher, leavesBytes, SALT_WORDS } from './leaf.ts';

/** Enough for a burst of some hundred connections; a larger slice reallocates once. */
const FIRST_ITEMS = 512;

interface Room {
  readonly words: Int32Array;
  readonly tree: MerkleTree;
  readonly leaves: LeafHasher;
}

export class SliceTree {
  readonly #secret: string;
  #room: Room;

  /** `secret`: RECEIPT_SALT_SECRET, the same wherever trees of the same slices are built. */
  constructor(secret: string) {
    this.#secret = secret;
    this.#room = makeRoom(FIRST_ITEMS, secret);
  }

  /** The tree as last built. */
  get tree(): MerkleTree {
    return this.#room.tree;
  }

  /** Builds the tree over `count` items (1 or more) in the format of a record. */
  build(items: Buffer, count: number): MerkleTree {
    let { most } = this.#room.tree;
    while (most < count) most *= 2;
    if (most > this.#room.tree.most) this.#room = makeRoom(most, this.#secret);
    const { leaves, tree } = this.#room;
    leaves.hash(items, 0, count);
    tree.build(count);
    return tree;
  }

  /** Copies the salt of a leaf to `target`; the offset is in words. */
  copySalt(leaf: number, target: Int32Array, at: number): void {
    const { words, leaves } = this.#room;
    const from = leaves.saltAt(leaf) >> 2;
    for (let word = 0; word < SALT_WORDS; word++) target[at + word] = words[from + word] ?? 0;
  }
}

function makeRoom(most: number, secret: string): Room {
  const lanes = new Sha256Lanes(treeBytes(most) + leavesBytes(most));
  const tree = new MerkleTree(lanes, most);
  return { words: new Int32Array(lanes.memory.buffer), tree, leaves: new LeafHasher(lanes, tree, secret) };
}

/**
 * Counts marked ranks below a rank in O(log n), with marks added and removed at any time: a binary indexed tree (Fenwick, "A
 * new data structure for cumulative frequency tables", 1994). Holds, for example, the ranks of users who left while waiting.
 */
export class Fenwick {
  #tree = new Int32Array(1025);
  #marks = new Uint8Array(1024);

  /** Marks a rank, from 0; marking it again changes nothing. */
  mark(rank: number): void {
    if (rank >= this.#marks.length) this.#grow(rank + 1);
    if (this.#marks[rank] === 1) return;
    this.#marks[rank] = 1;
    this.#add(rank);
  }

  /** Removes a mark; without one, nothing changes. */
  unmark(rank: number): void {
    if (this.#marks[rank] !== 1) return;
    this.#marks[rank] = 0;
    this.#add(rank, -1);
  }

  has(rank: number): boolean {
    return this.#marks[rank] === 1;
  }

  /** How many marked ranks are less than `rank`. */
  below(rank: number): number {
    let sum = 0;
    for (let at = Math.min(rank, this.#marks.length); at > 0; at -= at & -at) sum += this.#tree[at] ?? 0;
    return sum;
  }

  #add(rank: number, change = 1): void {
    const tree = this.#tree;
    for (let at = rank + 1; at < tree.length; at += at & -at) tree[at] = (tree[at] ?? 0) + change;
  }

  #grow(needed: number): void {
    let size = this.#marks.length;
    while (size < needed) size *= 2;
    const marks = new Uint8Array(size);
    marks.set(this.#marks);
    this.#marks = marks;
    // Each node adds its sum to the next one above it: O(n), where marking one by one would be O(n log n).
    const tree = new Int32Array(size + 1);
    for (let at = 1; at <= size; at++) {
      tree[at] = (tree[at] ?? 0) + (marks[at - 1] ?? 0);
      const above = at + (at & -at);
      if (above <= size) tree[above] = (tree[above] ?? 0) + (tree[at] ?? 0);
    }
    this.#tree = tree;
  }
}

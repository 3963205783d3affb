/**
 * Counts marked ranks below a rank, in O(log n), with marks added at any time: a binary indexed tree (Fenwick, "A new
 * data structure for cumulative frequency tables", 1994). Holds who left the queue while they waited.
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

  has(rank: number): boolean {
    return this.#marks[rank] === 1;
  }

  /** How many marked ranks are less than `rank`. */
  below(rank: number): number {
    let sum = 0;
    for (let at = Math.min(rank, this.#marks.length); at > 0; at -= at & -at) sum += this.#tree[at] ?? 0;
    return sum;
  }

  #add(rank: number): void {
    const tree = this.#tree;
    for (let at = rank + 1; at < tree.length; at += at & -at) tree[at] = (tree[at] ?? 0) + 1;
  }

  #grow(needed: number): void {
    let size = this.#marks.length;
    while (size < needed) size *= 2;
    const marks = new Uint8Array(size);
    marks.set(this.#marks);
    this.#marks = marks;
    this.#tree = new Int32Array(size + 1);
    for (const [rank, marked] of marks.entries()) if (marked === 1) this.#add(rank);
  }
}

/** A growing column of numbers: the data of a million entries is in a few of these instead of objects. */
type Numbers = Float64Array | Uint32Array | Uint16Array | Uint8Array;

export class Column<T extends Numbers> {
  readonly #make: (length: number) => T;
  #values: T;
  #count = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(1024);
  }

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const longer = this.#make(2 * this.#count);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#count++] = value;
  }

  /** 0 beyond the end. */
  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  /** A copy of the values from `from` to before `to`. */
  slice(from: number, to: number): T {
    const values = this.#make(to - from);
    values.set(this.#values.subarray(from, to));
    return values;
  }

  add(index: number, value: number): void {
    this.#values[index] = this.at(index) + value;
  }
}

export const float64 = (): Column<Float64Array> => new Column(length => new Float64Array(length));
export const uint32 = (): Column<Uint32Array> => new Column(length => new Uint32Array(length));
export const uint16 = (): Column<Uint16Array> => new Column(length => new Uint16Array(length));
export const uint8 = (): Column<Uint8Array> => new Column(length => new Uint8Array(length));

const SPARSE_PIECE_LOG2 = 14;
const SPARSE_PIECE = 1 << SPARSE_PIECE_LOG2;

/** Unsigned numbers of 32 bits by index, 0 where none was set; memory only where some were. */
export class SparseColumn {
  readonly #pieces: (Uint32Array | undefined)[] = [];

  at(index: number): number {
    return this.#pieces[index >>> SPARSE_PIECE_LOG2]?.[index & (SPARSE_PIECE - 1)] ?? 0;
  }

  set(index: number, value: number): void {
    const at = index >>> SPARSE_PIECE_LOG2;
    let piece = this.#pieces[at];
    if (piece === undefined) {
      piece = new Uint32Array(SPARSE_PIECE);
      this.#pieces[at] = piece;
    }
    piece[index & (SPARSE_PIECE - 1)] = value;
  }
}

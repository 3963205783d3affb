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

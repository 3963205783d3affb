/**
 * The part of WebAssembly that this code writes by hand: instructions (core specification, section 5.4), and a module (5.5)
 * with one function over one memory. No tool compiles anything, so there is nothing to build or to ship.
 */

export const op = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  load: 0x28,
  store: 0x36,
  constant: 0x41,
  add: 0x6a,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shiftLeft: 0x74,
  shiftRight: 0x76,
  rotateLeft: 0x77,
  rotateRight: 0x78,
} as const;

export const I32 = 0x7f;
/** Four lanes of 32 bits. */
export const V128 = 0x7b;
export const EMPTY = 0x40;

const PAGE_BYTES = 65_536;

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

export function uleb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(value >>> 7)];
}

export const get = (local: number): number[] => [op.get, ...uleb(local)];
export const set = (local: number): number[] => [op.set, ...uleb(local)];
export const tee = (local: number): number[] => [op.tee, ...uleb(local)];
export const constant = (value: number): number[] => [op.constant, ...leb(value | 0)];

/** The part of the global that is used; TypeScript describes it only in the DOM library. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly run: (...values: number[]) => void } };
}
declare const WebAssembly: WebAssemblyGlobal;

export interface WrittenFunction {
  /** The number of parameters, each of 32 bits; they are the first locals. */
  readonly parameters: number;
  /** The other locals, as runs of one type. */
  readonly locals: readonly { readonly count: number; readonly type: typeof I32 | typeof V128 }[];
  readonly body: readonly number[];
}

/** A module that imports its memory and exports the function. */
export function compile({ parameters, locals, body }: WrittenFunction): object {
  const runs = locals.flatMap(({ count, type }) => [...uleb(count), type]);
  const code = [...uleb(locals.length), ...runs, ...body, op.end];
  return new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [1, 0x60, parameters, ...Array.from({ length: parameters }, () => I32), 0]),
      // The memory may have any size up to the maximum, 65,536 pages.
      ...section(2, [1, ...name('env'), ...name('memory'), 0x02, 0, 0]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name('run'), 0, 0]),
      ...section(10, [1, ...uleb(code.length), ...code]),
    ]),
  );
}

/** The module's function over a new memory of at least `bytes` zeros. */
export function instantiate(
  module: object,
  bytes: number,
): { readonly memory: ArrayBuffer; readonly run: (...values: number[]) => void } {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return { memory: memory.buffer, run: new WebAssembly.Instance(module, { env: { memory } }).exports.run };
}

function section(id: number, content: number[]): number[] {
  return [id, ...uleb(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

/**
 * Generates the WebAssembly behind `lanes.ts`: SHA-256 (FIPS 180-4, section 6.2.2) of four messages at once, one in each lane
 * of a 128-bit vector, the 64 rounds unrolled.
 *
 * A book of a million entrants takes eight million blocks of short messages. Measured on one core: node:crypto 1.0 us a short
 * message (nearly all of it the call into C++), this 0.104 us a block (0.122 with the round constants in the code instead of
 * memory, and selecting by masks for Ch and Maj).
 */

/** Instructions of WebAssembly (core specification, section 5.4). */
const op = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  constant: 0x41,
  add: 0x6a,
} as const;
/** Vector instructions (section 5.4.8) have a prefix. */
const vector = (code: number): number[] => [0xfd, ...uleb(code)];
const v = {
  load: vector(0x00),
  loadSplat: vector(0x09),
  store: vector(0x0b),
  shuffle: vector(0x0d),
  swizzle: vector(0x0e),
  and: vector(0x4e),
  xor: vector(0x51),
  or: vector(0x50),
  shiftLeft: vector(0xab),
  shiftRight: vector(0xad),
  add: vector(0xae),
} as const;
const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY = 0x40;
/** Alignment is a hint: messages may begin anywhere. */
const UNALIGNED = 0;

function uleb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(value >>> 7)];
}

function leb(value: number): number[] {
  const byte = value & 0x7f;
  const rest = value >> 7;
  const isLast = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
  return isLast ? [byte] : [byte | 0x80, ...leb(rest)];
}

const get = (local: number): number[] => [op.get, ...uleb(local)];
const set = (local: number): number[] => [op.set, ...uleb(local)];
const tee = (local: number): number[] => [op.tee, ...uleb(local)];
const constant = (value: number): number[] => [op.constant, ...leb(value)];
const load = (offset: number): number[] => [...v.load, UNALIGNED, ...uleb(offset)];
const loadSplat = (offset: number): number[] => [...v.loadSplat, UNALIGNED, ...uleb(offset)];
const store = (offset: number): number[] => [...v.store, UNALIGNED, ...uleb(offset)];

function shifted(local: number, bits: number): number[] {
  return [...get(local), ...constant(bits), ...v.shiftRight];
}

function rotated(local: number, bits: number): number[] {
  return [...shifted(local, bits), ...get(local), ...constant(32 - bits), ...v.shiftLeft, ...v.or];
}

function xorOf(...terms: readonly number[][]): number[] {
  return terms.flatMap((term, index) => (index === 0 ? term : [...term, ...v.xor]));
}

// Locals: the parameters, then those of the loop.
const FROM = 0;
const AT = 1;
const STRIDE = 2;
const LEFT = 3;
const OUT = 4;
const OUT_STRIDE = 5;
const PARAMETERS = 6;
const LANE = PARAMETERS;
const WORK = LANE + 1;
const WORD = WORK + 8;
const SPARE = WORD + 16;
const VECTORS = 8 + 16 + 4;

/** Where the state of the last call is: eight vectors. */
export const STATE_AT = 0;
/** Where ROUND_CONSTANTS must be: as constants in the code, each would be composed of two halves. */
export const CONSTANTS_AT = 128;
/** Where TURN must be, for the same reason. */
export const TURN_AT = CONSTANTS_AT + 4 * 64;
/** The permutation that reverses the bytes of each word. */
export const TURN = [0, 4, 8, 12].flatMap(from => wordBytes(from).reverse());

/** Words 0 and 1 of both, interleaved: [a0 b0 a1 b1]; or words 2 and 3. */
function interleaved(half: 0 | 1): number[] {
  return [0, 1].flatMap(word => [0, 16].flatMap(side => wordBytes(side + 8 * half + 4 * word)));
}

/** The same word of all four, from two interleaved vectors. */
function gathered(half: 0 | 1): number[] {
  return [0, 16].flatMap(side => [0, 1].flatMap(word => wordBytes(side + 8 * half + 4 * word)));
}

/** Reverses the bytes of each word: SHA-256 is big-endian. */
function turned(local: number): number[] {
  return [...get(local), ...constant(TURN_AT), ...load(0), ...v.swizzle, ...set(local)];
}

function wordBytes(from: number): number[] {
  return [from, from + 1, from + 2, from + 3];
}

/** Transposes four vectors of four words, from `from` on, into those from `to` on; big-endian on one of the two sides. */
function transposed(from: number, to: number): number[] {
  const pair = (left: number, right: number, lanes: number[], target: number): number[] => [
    ...get(left),
    ...get(right),
    ...v.shuffle,
    ...lanes,
    ...set(target),
  ];
  return [
    ...pair(from, from + 1, interleaved(0), SPARE),
    ...pair(from, from + 1, interleaved(1), SPARE + 1),
    ...pair(from + 2, from + 3, interleaved(0), SPARE + 2),
    ...pair(from + 2, from + 3, interleaved(1), SPARE + 3),
    ...pair(SPARE, SPARE + 2, gathered(0), to),
    ...pair(SPARE, SPARE + 2, gathered(1), to + 1),
    ...pair(SPARE + 1, SPARE + 3, gathered(0), to + 2),
    ...pair(SPARE + 1, SPARE + 3, gathered(1), to + 3),
    ...[to, to + 1, to + 2, to + 3].flatMap(turned),
  ];
}

/** `blocks(from, at, stride, count, out, outStride)`: see `Lanes.run`. */
function bodyOfBlocks(): number[] {
  const code: number[] = [op.loop, EMPTY];
  for (let quarter = 0; quarter < 4; quarter++) {
    code.push(...get(AT), ...set(LANE));
    for (let lane = 0; lane < 4; lane++) {
      code.push(...get(LANE), ...load(16 * quarter), ...set(WORD + 4 * quarter + lane));
      if (lane < 3) code.push(...get(LANE), ...get(STRIDE), op.add, ...set(LANE));
    }
    code.push(...transposed(WORD + 4 * quarter, WORD + 4 * quarter));
  }
  for (let word = 0; word < 8; word++) code.push(...get(FROM), ...load(16 * word), ...set(WORK + word));
  code.push(...xorOf(get(WORK + 1), get(WORK + 2)), ...set(SPARE));
  for (let round = 0; round < 64; round++) code.push(...roundOf(round));
  for (let word = 0; word < 8; word++) {
    code.push(...constant(STATE_AT), ...get(FROM), ...load(16 * word), ...get(WORK + word), ...v.add);
    code.push(...tee(WORK + word), ...store(16 * word));
  }
  code.push(...constant(STATE_AT), ...set(FROM), ...get(AT), ...constant(64), op.add, ...set(AT));
  code.push(...get(LEFT), ...constant(-1), op.add, ...tee(LEFT), op.branchIf, 0, op.end);
  code.push(...transposed(WORK, WORD), ...transposed(WORK + 4, WORD + 4));
  for (let lane = 0; lane < 4; lane++) {
    code.push(
      ...get(OUT),
      ...get(WORD + lane),
      ...store(0),
      ...get(OUT),
      ...get(WORD + 4 + lane),
      ...store(16),
    );
    if (lane < 3) code.push(...get(OUT), ...get(OUT_STRIDE), op.add, ...set(OUT));
  }
  return [...code, op.end];
}

/** One round. Instead of moving eight variables, each round renames them. */
function roundOf(round: number): number[] {
  const at = (index: number): number => WORK + ((index + 64 - round) % 8);
  const [a, b, d, e, f, g, h] = [at(0), at(1), at(3), at(4), at(5), at(6), at(7)] as const;
  const word = WORD + (round % 16);
  const [last, next] = round % 2 === 0 ? [SPARE, SPARE + 1] : [SPARE + 1, SPARE];
  return [
    ...(round < 16 ? [] : scheduled(round)),
    // h becomes T1 = h + Sigma1(e) + Ch(e, f, g) + K + W
    ...get(h),
    ...xorOf(rotated(e, 6), rotated(e, 11), rotated(e, 25)),
    ...v.add,
    ...get(g),
    ...xorOf(get(f), get(g)),
    ...get(e),
    ...v.and,
    ...v.xor,
    ...v.add,
    ...constant(CONSTANTS_AT),
    ...loadSplat(4 * round),
    ...get(word),
    ...v.add,
    ...v.add,
    ...set(h),
    // d becomes d + T1: the e of the next round
    ...get(d),
    ...get(h),
    ...v.add,
    ...set(d),
    // h becomes T1 + Sigma0(a) + Maj(a, b, c): the a of the next round. Maj: b, where neither a nor
    // c differs from it; b ^ c is the a ^ b of the round before.
    ...get(h),
    ...xorOf(rotated(a, 2), rotated(a, 13), rotated(a, 22)),
    ...v.add,
    ...get(b),
    ...xorOf(get(a), get(b)),
    ...tee(next),
    ...get(last),
    ...v.and,
    ...v.xor,
    ...v.add,
    ...set(h),
  ];
}

/** The word of this round: sigma0 of 15 back, sigma1 of 2 back, and those 7 and 16 back. */
function scheduled(round: number): number[] {
  const back = (distance: number): number => WORD + ((round + 16 - distance) % 16);
  const word = back(16);
  return [
    ...get(word),
    ...xorOf(rotated(back(15), 7), rotated(back(15), 18), shifted(back(15), 3)),
    ...v.add,
    ...get(back(7)),
    ...v.add,
    ...xorOf(rotated(back(2), 17), rotated(back(2), 19), shifted(back(2), 10)),
    ...v.add,
    ...set(word),
  ];
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2). */
export const ROUND_CONSTANTS = firstPrimes(64).map(cubeRootFraction);

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every(prime => candidate % prime !== 0)) found.push(candidate);
  }
  return found;
}

/** By bisection on integers: the greatest r with r^3 <= prime x 2^96, its low 32 bits. */
function cubeRootFraction(prime: number): number {
  const target = BigInt(prime) << 96n;
  let root = 0n;
  for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** 3n <= target) root += bit;
  }
  return Number(root & 0xffffffffn);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...uleb(content.length), ...content];
}

function named(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** The module (section 5.5): imports `env.memory`, exports `blocks`. */
export function lanesModule(): Uint8Array<ArrayBuffer> {
  const locals = [2, 1, I32, ...uleb(VECTORS), V128];
  const body = [...locals, ...bodyOfBlocks()];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, PARAMETERS, ...Array.from({ length: PARAMETERS }, () => I32), 0]),
    ...section(2, [1, ...named('env'), ...named('memory'), 0x02, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...named('blocks'), 0, 0]),
    ...section(10, [1, ...uleb(body.length), ...body]),
  ]);
}

/**
 * Splits a stream of bytes into lines, without copying those within one piece, and hashes everything before the last line
 * (the signature of a book covers that). A line that is too long is refused before it is buffered.
 */
import { Unreadable } from '../findings.ts';

const NEWLINE = 0x0a;

/** One line: bytes `from` to `to` of `bytes`, without the line feed. Valid only until the next one. */
export type OnLine = (bytes: Uint8Array, from: number, to: number) => void;

export interface LinesOptions {
  readonly mostBytes: number;
  readonly mostLineBytes: number;
  readonly onLine: OnLine;
  /** Receives all bytes of the lines for which `isHashed` was true, in order, including line feeds. */
  readonly hash: { update(piece: Uint8Array): void };
  /** Called before a line is passed to `onLine`. */
  readonly isHashed: (bytes: Uint8Array, from: number, to: number) => boolean;
}

export class Lines {
  readonly #options: LinesOptions;
  readonly #carried: Uint8Array;
  #carriedBytes = 0;
  #bytes = 0;
  #count = 0;

  constructor(options: LinesOptions) {
    this.#options = options;
    this.#carried = new Uint8Array(options.mostLineBytes + 1);
  }

  /** The number of the current line, from 1. */
  get number(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws Unreadable. */
  push(piece: Uint8Array): void {
    const { mostBytes, hash, isHashed, onLine } = this.#options;
    this.#bytes += piece.length;
    if (this.#bytes > mostBytes)
      throw new Unreadable('too-large', `the book has more than ${mostBytes} bytes`);
    let from = this.#finishCarried(piece);
    let hashedFrom = from;
    for (;;) {
      const to = piece.indexOf(NEWLINE, from);
      if (to < 0) break;
      this.#begin(to - from);
      if (!isHashed(piece, from, to)) {
        hash.update(piece.subarray(hashedFrom, from));
        hashedFrom = to + 1;
      }
      onLine(piece, from, to);
      from = to + 1;
    }
    if (hashedFrom < from) hash.update(piece.subarray(hashedFrom, from));
    this.#carry(piece.subarray(from));
  }

  /** Throws Unreadable if the last line was cut off. */
  end(): void {
    if (this.#carriedBytes > 0) {
      throw new Unreadable('truncated', `the book ends within line ${this.#count + 1}: it is truncated`);
    }
  }

  /** Completes a line that began in earlier pieces; returns where the next one begins. */
  #finishCarried(piece: Uint8Array): number {
    if (this.#carriedBytes === 0) return 0;
    const end = piece.indexOf(NEWLINE);
    if (end < 0) return 0;
    this.#carry(piece.subarray(0, end + 1));
    const line = this.#carried.subarray(0, this.#carriedBytes);
    const to = line.length - 1;
    this.#carriedBytes = 0;
    this.#begin(to);
    if (this.#options.isHashed(line, 0, to)) this.#options.hash.update(line);
    this.#options.onLine(line, 0, to);
    return end + 1;
  }

  #carry(part: Uint8Array): void {
    if (this.#carriedBytes + part.length > this.#carried.length) this.#refuse(this.#count + 1);
    this.#carried.set(part, this.#carriedBytes);
    this.#carriedBytes += part.length;
  }

  #begin(length: number): void {
    this.#count += 1;
    if (length > this.#options.mostLineBytes) this.#refuse(this.#count);
  }

  #refuse(number: number): never {
    throw new Unreadable('too-large', `line ${number} has more than ${this.#options.mostLineBytes} bytes`);
  }
}

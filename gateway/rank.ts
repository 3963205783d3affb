/**
 * Ranking a slice: one ZADD LT per campaign of the slice, so the earliest stamp stays whatever order gateways rank in.
 *
 * The command is written once, by hand, into memory that is kept, in place of an array of 2N arguments that the client
 * would turn into as many strings (measured: 0.51 of a bare echo in place of 0.42).
 */
import { Cluster, Command, Pipeline, type Redis } from 'ioredis';
import { BOARD_EPOCH_SHA, readBoardEpoch } from '../engine/contract/board/board.ts';
import { digitCount, writeDigits } from '../engine/contract/digits.ts';
import type { Keys } from '../engine/contract/keys.ts';
import { readStanding } from '../engine/contract/projection/projection.ts';
import { isUnknownScript, type RedisClient } from '../engine/contract/redis.ts';

export interface RankedMember {
  readonly userId: string;
  readonly stamp: number;
}

/** A command whose bytes are ready: `ZADD key LT stamp user stamp user ...` in RESP. */
class EncodedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(name: string, key: string, bytes: Buffer) {
    super(name, [key]);
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

/** The earliest stamp stays; with XX, nobody is ranked who is not ranked already. */
export type ZaddOptions = 'LT' | 'XX LT';
const OPTIONS = {
  LT: { count: 1, text: '$2\r\nLT\r\n' },
  'XX LT': { count: 2, text: '$2\r\nXX\r\n$2\r\nLT\r\n' },
} as const;

/** "$16\r\n" + 16 digits + "\r\n", "$128\r\n" + 128 bytes + "\r\n": what a member takes at most. */
const MEMBER_BYTES_AT_MOST = 24 + 136;
const BUFFERS_KEPT = 4;
const CR = 13;
const LF = 10;
const DOLLAR = 36;

/** What Redis says of a slice's entries in one campaign. */
export interface Ranked {
  /** How many were not ranked before: fewer than sent means that somebody was here already. */
  readonly added: number;
  /** Entries of the campaign afterwards. */
  readonly total: number;
  /**
   * Of the board, afterwards, in the run of the server that it was made in; '' in another. Another one than the gateway's
   * means that Redis was emptied, or is another server: what is ranked there is not what the engine and others see. '' also
   * where that is so of the node of a Cluster that the campaign lies on.
   */
  readonly epoch: string;
  /** The epoch under which everybody of before was ranked, before this; another one: they are being ranked anew. */
  readonly whole: string | null;
}

export class Ranker {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #options: ZaddOptions;
  readonly #spare: Buffer[] = [];

  constructor(redis: RedisClient, keys: Keys, options: ZaddOptions = 'LT') {
    this.#redis = redis;
    this.#keys = keys;
    this.#options = options;
  }

  /** Ranks the members. One ZCARD in place of a ZRANK for each. Rejects when Redis does not answer. */
  async add(campaignId: number, members: readonly RankedMember[]): Promise<Ranked> {
    const { rank: key, mark } = this.#keys.campaign(campaignId);
    const needed = 64 + key.length + members.length * MEMBER_BYTES_AT_MOST;
    const spare = this.#spare.pop();
    const buffer =
      spare !== undefined && spare.length >= needed ? spare : Buffer.allocUnsafe(Math.max(needed, 65_536));
    const zadd = new EncodedCommand('zadd', key, encodeZadd(buffer, key, members, this.#options));
    const redis = this.#redis;
    const ranked =
      redis instanceof Cluster
        ? await this.#sendToCluster(redis, zadd, campaignId)
        : await this.#send(redis, zadd, key, mark);
    // Only an answered command's memory is used again: before that the socket may still have to send it.
    if (this.#spare.length < BUFFERS_KEPT) this.#spare.push(buffer);
    return ranked;
  }

  /**
   * The keys lie on different nodes, so the commands cannot go out as one, and the board's node does not know whether that of
   * the campaign is still the one on which it was begun. So the campaign's is asked, before and behind the ranking: a replica
   * that has taken over meanwhile, or one that is about to and of which this gateway has not heard, has no part in the epoch.
   */
  async #sendToCluster(redis: Cluster, zadd: Command, campaignId: number): Promise<Ranked> {
    const keys = this.#keys.campaign(campaignId);
    // One after another: what is sent again, as a connection was lost, may come behind what was sent later.
    const before = await readStanding(redis, keys);
    const added = Number(await redis.sendCommand(zadd));
    const after = await readStanding(redis, keys);
    const board = await readBoardEpoch(redis, this.#keys);
    const isHere = before.epoch === board && after.epoch === board;
    return { added, total: after.count, epoch: isHere ? board : '', whole: before.whole };
  }

  async #send(redis: Redis, zadd: Command, key: string, mark: string): Promise<Ranked> {
    const state = this.#keys.boardState;
    // One write to the socket for all.
    const pipeline = redis.pipeline().hget(mark, 'whole');
    if (!(pipeline instanceof Pipeline)) throw new TypeError('ioredis made a pipeline of another class');
    pipeline.sendCommand(zadd);
    const answers = (await pipeline.zcard(key).evalsha(BOARD_EPOCH_SHA, 1, state).exec()) ?? [];
    const failed = answers.find(([error]) => error !== null && !isUnknownScript(error))?.[0];
    if (failed) throw failed;
    const [whole, added, total, epoch] = answers.map(([error, answer]) =>
      error === null ? answer : undefined,
    );
    return {
      added: Number(added),
      total: Number(total),
      // Once a server: it has not run the script yet.
      epoch: epoch === undefined ? await readBoardEpoch(redis, this.#keys) : String(epoch),
      whole: textOf(whole),
    };
  }
}

function textOf(answer: unknown): string | null {
  return typeof answer === 'string' ? answer : null;
}

/** Writes the command into `buffer` and returns the part written. */
export function encodeZadd(
  buffer: Buffer,
  key: string,
  members: readonly RankedMember[],
  options: ZaddOptions = 'LT',
): Buffer {
  const { count, text } = OPTIONS[options];
  const head = `*${2 + count + 2 * members.length}\r\n$4\r\nZADD\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n${text}`;
  let at = buffer.write(head, 0, 'utf8');
  for (const { userId, stamp } of members) {
    const digits = digitCount(stamp);
    at = writeLength(buffer, at, digits) + digits;
    writeDigits(buffer, at, stamp);
    buffer[at++] = CR;
    buffer[at++] = LF;
    // A user id is mostly ASCII, where its length in bytes is known; else it is measured.
    const length = Buffer.byteLength(userId);
    at = writeLength(buffer, at, length);
    at += buffer.write(userId, at, 'utf8');
    buffer[at++] = CR;
    buffer[at++] = LF;
  }
  return buffer.subarray(0, at);
}

function writeLength(buffer: Buffer, start: number, length: number): number {
  let at = start;
  buffer[at++] = DOLLAR;
  at += digitCount(length);
  writeDigits(buffer, at, length);
  buffer[at++] = CR;
  buffer[at++] = LF;
  return at;
}

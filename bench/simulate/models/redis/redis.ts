/**
 * The simulated Redis: a server with a RedisState, and clients like ioredis', with only the commands that fairline sends. A
 * client queues no commands while there is no server, and reports each closed connection, as connectRedis
 * (engine/contract/redis/redis.ts) configures it.
 *
 * A server can come back complete, without the last second, or empty. Its wall clock can be set. A replica can take over while
 * the old server continues to accept writes.
 */
import { BOARD_EPOCH_SHA } from '../../../../engine/contract/redis/board/board.ts';
import { keysOf } from '../../../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../../../engine/contract/redis/redis.ts';
import { encodeZadd, type Ranked, type RankedMember, Ranker } from '../../../../gateway/entry/rank.ts';
import { Link, type Path, Server } from '../../kernel/network.ts';
import { standIn } from '../../kernel/stand-in.ts';
import type { Tally } from '../../kernel/tally.ts';
import { MS, type Process, type World } from '../../kernel/world.ts';
import type { RedisReply } from './redis-reply.ts';
import { RedisState } from './redis-state.ts';

/** How long a client waits for an answer. */
const TIMEOUT_US = 400 * MS;
/** An answer within this time tells the time; a process that was suspended is further behind than that. */
const QUICK_US = 20 * MS;
const COMMANDS = [
  'evalsha',
  'hdel',
  'hget',
  'hkeys',
  'hlen',
  'hmget',
  'hscan',
  'hset',
  'llen',
  'lrange',
  'scan',
  'time',
  'unlink',
  'xadd',
  'xrange',
  'xtrim',
  'zadd',
  'zcard',
  'zcount',
  'zmscore',
  'zrank',
] as const;

export const KEYS = keysOf('simulated');

export class SimulatedRedis {
  readonly server: Server;
  /** The state of the current server; after a failover, of the new one. */
  state: RedisState;
  /** The server that was failed over, and the clients still connected to it. */
  #old: { readonly state: RedisState; readonly clients: ReadonlySet<SimulatedClient> } | undefined;
  readonly #clients = new Set<SimulatedClient>();
  readonly #world: World;
  readonly #tally: Tally;
  /** How far the wall clock is off, microseconds. */
  clockOffUs = 0;
  /** Called with a process that has learned that the registry has another lease length. */
  onDiffers: ((process: Process) => void) | undefined;

  constructor(world: World, tally: Tally) {
    this.#world = world;
    this.#tally = tally;
    this.server = new Server(world, 'Redis');
    this.state = new RedisState(() => world.nowUs + this.clockOffUs);
  }

  /** Runs a client's command at the server that the client is connected to. */
  call(client: SimulatedClient, name: string, args: readonly string[]): RedisReply {
    const old = this.#old?.clients.has(client) === true ? this.#old.state : this.state;
    return old.call(name, args, this.#world.nowUs);
  }

  /**
   * A replica that has not received the last `behindUs` takes over. The old server continues to accept writes from processes
   * for which `stays` is true, until `healFailover`. All other processes, and new ones, are connected to the new server.
   */
  failOver(behindUs: number, stays: (process: Process) => boolean): void {
    this.healFailover();
    const clients = [...this.#clients].filter(({ process }) => !process.isDead);
    this.#old = { state: this.state, clients: new Set(clients.filter(({ process }) => stays(process))) };
    this.state = this.state.replica(this.#world.nowUs - behindUs);
    for (const client of clients) if (!this.#old.clients.has(client)) client.breakOff();
  }

  /** The old server is gone, with the writes that only it received. */
  healFailover(): void {
    const old = this.#old;
    this.#old = undefined;
    for (const client of old?.clients ?? []) client.breakOff();
  }

  /** The holder of that number in the registry, its epoch and its lease length; undefined if unknown. */
  leaseOf(gateway: number): { incarnation: number; epoch: number; leaseMs: number } | undefined {
    const read = (field: string): RedisReply =>
      this.state.call('hget', [KEYS.leases, field], this.#world.nowUs);
    const [held, epoch, leaseUs] = [`g:${gateway}`, 'epoch', 'leaseUs'].map(read);
    if (this.#old !== undefined || typeof held !== 'string' || typeof epoch !== 'string') return undefined;
    const incarnation = Number(JSON.parse(held).incarnation);
    return { incarnation, epoch: Number(epoch), leaseMs: Number(leaseUs) / MS };
  }

  /** A client of that process. */
  clientFor(process: Process, path: Path): SimulatedClient {
    const client = new SimulatedClient(this, new ClosingListeners(), process, path, this.#tally);
    this.#clients.add(client);
    return client;
  }
}

function tellOfDifference(reply: RedisReply, process: Process, tell: (process: Process) => void): void {
  if (Array.isArray(reply) && reply[0] === 'differs') tell(process);
}

class ClosingListeners {
  readonly #listeners: (() => void)[] = [];

  add(listener: () => void): void {
    this.#listeners.push(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** pg and ioredis reject with an Error with a message; callers read nothing else. */
export class SimulatedClient {
  /** The client in production's type. */
  readonly client: RedisClient;
  readonly process: Process;
  readonly #redis: SimulatedRedis;
  readonly #link: Link;

  constructor(redis: SimulatedRedis, closing: ClosingListeners, process: Process, path: Path, tally: Tally) {
    this.process = process;
    this.#redis = redis;
    this.#link = new Link(process, redis.server, path, tally, {
      timeoutUs: TIMEOUT_US,
      errorOf: why => new Error(`Redis: ${why}`),
      onBreak: () => closing.tell(),
    });
    const commands = COMMANDS.map(name => [name, (...args: unknown[]) => this.ask(name, args)] as const);
    this.client = standIn<RedisClient>('client of Redis', {
      ...Object.fromEntries(commands),
      on: (event: string, listener: () => void) => {
        if (event === 'close') closing.add(listener);
      },
      hgetall: async (key: string) => {
        const flat = await this.ask('hgetall', [key]);
        const texts = Array.isArray(flat) ? flat.map(String) : [];
        return Object.fromEntries(
          texts.flatMap((field, at) => (at % 2 === 0 ? [[field, texts[at + 1] ?? '']] : [])),
        );
      },
      pipeline: () => this.#pipeline(),
    });
  }

  /** Its connection is lost; the next command uses a new one. */
  breakOff(): void {
    this.#link.breakOff();
  }

  ask(name: string, args: readonly unknown[]): Promise<RedisReply> {
    const texts = args.map(String);
    const answer = this.#link.ask(() => this.#redis.call(this, name, texts));
    if (name === 'time') this.#noteTime(answer);
    if (name === 'evalsha' && texts.includes(KEYS.leases)) {
      void this.process.reach('lease');
      const { onDiffers } = this.#redis;
      if (onDiffers !== undefined)
        void answer.then(
          reply => tellOfDifference(reply, this.process, onDiffers),
          () => undefined,
        );
    }
    return answer;
  }

  #noteTime(answer: Promise<unknown>): void {
    const { world } = this.#redis.server;
    const askedUs = world.nowUs;
    const heard = (): void => {
      if (world.nowUs - askedUs <= QUICK_US) this.process.hearTime();
    };
    answer.then(heard, () => undefined);
  }

  /** Several commands that arrive together. */
  askAll(commands: readonly (readonly [string, readonly string[]])[]): Promise<readonly RedisReply[]> {
    return this.#link.ask(() => commands.map(([name, args]) => this.#redis.call(this, name, args)));
  }

  #pipeline() {
    const commands: [string, string[]][] = [];
    return {
      zrank: (...args: unknown[]) => {
        commands.push(['zrank', args.map(String)]);
      },
      exec: async () => (await this.askAll(commands)).map(reply => [null, reply]),
    };
  }
}

/** One buffer for all: its contents are read at once. */
const command = Buffer.alloc(65_536);

/** Ranks as production does, with the same bytes; only the transport is simulated. */
export class SimulatedRanker extends Ranker {
  readonly #redis: SimulatedClient;

  constructor(redis: SimulatedClient) {
    super(redis.client, KEYS);
    this.#redis = redis;
  }

  override async add(campaignId: number, members: readonly RankedMember[]): Promise<Ranked> {
    const { rank: key, mark } = KEYS.campaign(campaignId);
    const [, ...zadd] = readCommand(encodeZadd(command, key, members));
    await this.#redis.process.reach('rank');
    const [whole, added, total, epoch] = await this.#redis.askAll([
      ['hget', [mark, 'whole']],
      ['zadd', zadd],
      ['zcard', [key]],
      ['evalsha', [BOARD_EPOCH_SHA, '1', KEYS.boardState]],
    ]);
    return { added: Number(added), total: Number(total), epoch: String(epoch), whole: textOf(whole) };
  }
}

function textOf(reply: RedisReply | undefined): string | null {
  return typeof reply === 'string' ? reply : null;
}

/** Parses a command as it is on the wire (redis.io/docs/latest/develop/reference/protocol-spec, arrays of bulk strings). */
function readCommand(bytes: Buffer): string[] {
  const parts: string[] = [];
  const lineEnd = (from: number): number => bytes.indexOf('\r\n', from, 'latin1');
  let at = lineEnd(0) + 2;
  while (at < bytes.length) {
    const end = lineEnd(at);
    const length = Number(bytes.toString('latin1', at + 1, end));
    parts.push(bytes.toString('utf8', end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return parts;
}

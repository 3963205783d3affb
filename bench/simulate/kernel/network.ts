/**
 * Servers, and the connections of processes to them. Requests on one connection arrive, and are answered, in order (TCP);
 * between connections, anything may overtake anything. A request may be late. It may also be lost, before or after it was
 * carried out: the sender sees an error and cannot tell which.
 */
import type { Tally } from './tally.ts';
import { MS, type Process, type World } from './world.ts';

/** The current state of a path through the network; faults set it for as long as they last. */
export class Path {
  /** Nothing passes until then, as if the other side had fallen silent. */
  cutUntilUs = 0;
  /** Messages take up to this much longer until then. */
  slowUntilUs = 0;
  slowUs = 0;
  /** Each message is lost with this probability until then. */
  lossyUntilUs = 0;
  loss = 0;
  /** Until then the server carries requests out at once, and answers up to this much later. */
  lateUntilUs = 0;
  lateUs = 0;
}

/** The usual latency is between these, microseconds; it varies, so that messages sent at once arrive out of order. */
const FASTEST_US = 80;
const SLOWEST_US = 900;

export class Server {
  readonly name: string;
  readonly world: World;
  isUp = true;
  readonly #links = new Set<Link>();

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  attach(link: Link): void {
    this.#links.add(link);
  }

  detach(link: Link): void {
    this.#links.delete(link);
  }

  /** The server is gone: every process that waits for an answer sees its connection closed. */
  goDown(): void {
    this.isUp = false;
    for (const link of this.#links) link.breakOff();
  }

  /** All connections are lost, as if something in between had failed; the server keeps its state. */
  loseConnections(): void {
    for (const link of this.#links) if (!link.process.isDead) link.breakOff();
  }

  comeUp(): void {
    this.isUp = true;
  }
}

interface PendingRequest {
  readonly reject: (error: Error) => void;
  /** It was answered or given up: later answers are ignored. */
  isOver: boolean;
  /** Its connection ended before it arrived: it is lost. */
  isGone: boolean;
}

export interface LinkTerms {
  /** A request without an answer by then is rejected, microseconds. */
  readonly timeoutUs: number;
  readonly errorOf: (why: string) => Error;
  /** Called, in the process, when the server has closed the connection. */
  readonly onBreak?: () => void;
}

/** The connection of one process to one server; it reconnects by itself when it breaks. */
export class Link {
  readonly process: Process;
  readonly #server: Server;
  readonly #path: Path;
  readonly #terms: LinkTerms;
  readonly #tally: Tally;
  #pending = new Set<PendingRequest>();
  #lastArrivalUs = 0;
  #lastAnswerUs = 0;

  constructor(process: Process, server: Server, path: Path, tally: Tally, terms: LinkTerms) {
    this.process = process;
    this.#server = server;
    this.#path = path;
    this.#tally = tally;
    this.#terms = terms;
    server.attach(this);
  }

  /** Runs `serve` at the server, and resolves with its answer. */
  ask<T>(serve: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { world } = this.#server;
      const request: PendingRequest = { reject, isOver: false, isGone: false };
      this.#pending.add(request);
      const giveUpUs = world.nowUs + this.process.really(this.#terms.timeoutUs);
      if (!this.#server.isUp) {
        this.#rejectAt(world.nowUs + MS, request, `${this.#server.name} is not there`);
        return;
      }
      const outUs = wayUs(world, this.#path, this.#tally);
      if (outUs === undefined) {
        this.#rejectAt(giveUpUs, request, 'no answer in time');
        return;
      }
      this.#lastArrivalUs = Math.max(world.nowUs + outUs, this.#lastArrivalUs);
      // A request that the sender has given up still arrives and is carried out.
      if (this.#lastArrivalUs > giveUpUs) this.#rejectAt(giveUpUs, request, 'no answer in time');
      world.after(this.#lastArrivalUs - world.nowUs, world.outside, () => {
        if (!request.isGone) this.#arrive(serve, request, giveUpUs, resolve);
      });
    });
  }

  /** Either side has ended the connection. Requests that reached the server stay carried out. */
  breakOff(): void {
    const pending = this.#pending;
    this.#pending = new Set();
    this.#lastArrivalUs = 0;
    this.#lastAnswerUs = 0;
    const { world } = this.#server;
    for (const each of pending) {
      each.isGone = true;
      this.#rejectAt(world.nowUs + MS / 2, each, `${this.#server.name} closed the connection`);
    }
    const { onBreak } = this.#terms;
    if (onBreak !== undefined) world.after(MS / 2, this.process, onBreak);
  }

  #arrive<T>(serve: () => T, request: PendingRequest, giveUpUs: number, resolve: (value: T) => void): void {
    const { world } = this.#server;
    let value: T | undefined;
    let failure: unknown;
    try {
      value = serve();
    } catch (error) {
      failure = error;
    }
    if (request.isOver) return;
    const backUs = wayUs(world, this.#path, this.#tally);
    const answerUs = Math.max(world.nowUs + (backUs ?? 0) + this.#lateUs(), this.#lastAnswerUs);
    if (backUs === undefined || answerUs > giveUpUs) {
      this.#rejectAt(giveUpUs, request, 'no answer in time');
      return;
    }
    this.#lastAnswerUs = answerUs;
    world.after(answerUs - world.nowUs, this.process, () => {
      if (request.isOver) return;
      this.#end(request);
      if (failure === undefined) resolve(value as T);
      else request.reject(failure instanceof Error ? failure : new Error(String(failure)));
    });
  }

  #lateUs(): number {
    const { world } = this.#server;
    const { lateUntilUs, lateUs } = this.#path;
    if (lateUntilUs <= world.nowUs) return 0;
    this.#tally.count('answer late');
    return world.random.between(lateUs / 2, lateUs);
  }

  #rejectAt(atUs: number, request: PendingRequest, why: string): void {
    const { world } = this.#server;
    world.after(atUs - world.nowUs, this.process, () => {
      if (request.isOver) return;
      this.#end(request);
      request.reject(this.#terms.errorOf(why));
    });
  }

  #end(request: PendingRequest): void {
    request.isOver = true;
    this.#pending.delete(request);
  }
}

/** How long a message on that path takes now, microseconds; undefined when it is lost. */
export function wayUs(world: World, path: Path, tally: Tally): number | undefined {
  const { random, nowUs } = world;
  if (path.cutUntilUs > nowUs || (path.lossyUntilUs > nowUs && random.chance(path.loss))) {
    tally.count('message lost');
    return undefined;
  }
  const usual = random.between(FASTEST_US, SLOWEST_US);
  if (path.slowUntilUs <= nowUs) return usual;
  tally.count('message late');
  return usual + random.between(0, path.slowUs);
}

/**
 * The operator of rooms sets the terms of an open room, with the version read before, and repeats the request at any running
 * engine until the answer shows the terms in effect. The checker learns of requests and answers.
 */
import type { Checker } from '../checks/checker.ts';
import type { RoomTerms } from '../checks/checker-rows.ts';
import type { Tally } from '../kernel/tally.ts';
import { MS, type World } from '../kernel/world.ts';
import type { SimulatedEngine } from './engine.ts';

const ANSWER_TIMEOUT_US = 700 * MS;

interface Surroundings {
  readonly world: World;
  readonly checker: Checker;
  readonly tally: Tally;
  readonly engines: number;
  /** The engine with that index, if one is running. */
  readonly engineAt: (index: number) => SimulatedEngine | undefined;
}

interface Wanted {
  readonly campaignId: number;
  readonly terms: RoomTerms;
  readonly done: () => void;
}

export class RoomOperator {
  readonly #around: Surroundings;
  /** One after the other, because one person sets them; the first is in flight. */
  readonly #wanted: Wanted[] = [];

  constructor(around: Surroundings) {
    this.#around = around;
  }

  set(wanted: Wanted): void {
    if (this.#wanted.push(wanted) === 1) this.#begin(wanted);
  }

  #begin(wanted: Wanted): void {
    this.#around.checker.rooms.requested(wanted.campaignId, wanted.terms);
    this.#read(wanted);
  }

  #end({ done }: Wanted): void {
    this.#around.tally.count('terms of a room set');
    this.#wanted.shift();
    const [next] = this.#wanted;
    if (next !== undefined) this.#begin(next);
    done();
  }

  /** The version whose terms they replace. */
  #read(wanted: Wanted): void {
    this.#ask(
      engine => engine.readRoom(wanted.campaignId),
      room => {
        if (room === undefined) this.#later(() => this.#read(wanted));
        else this.#set(wanted, room.version);
      },
    );
  }

  #set(wanted: Wanted, version: number): void {
    const { checker } = this.#around;
    const { campaignId, terms } = wanted;
    this.#ask(
      async engine => {
        const isSet = await engine.setRoom(campaignId, terms, version);
        // Whether the operator receives the answer or not.
        if (isSet) checker.rooms.told(checker, campaignId, version + 1, terms);
        return isSet;
      },
      isSet => {
        if (isSet === undefined) this.#later(() => this.#set(wanted, version));
        else if (isSet || checker.rooms.isTheirs(campaignId, version + 1, terms)) this.#end(wanted);
        else checker.breaks(8, `room ${campaignId} has a version behind ${version} that nobody has set`);
      },
    );
  }

  /** Has an engine do the work and returns the result; undefined if none came in time. */
  #ask<T>(work: (engine: SimulatedEngine) => Promise<T>, hear: (answer: T | undefined) => void): void {
    const { world, engines, engineAt } = this.#around;
    const once = world.hearOnce(ANSWER_TIMEOUT_US, hear);
    const engine = engineAt(world.random.between(0, engines - 1));
    if (engine === undefined) return;
    world.after(0, engine.process, () => {
      work(engine).then(
        answer => world.after(MS, world.outside, () => once(answer)),
        () => world.after(MS, world.outside, () => once(undefined)),
      );
    });
  }

  #later(run: () => void): void {
    const { world } = this.#around;
    world.after(world.random.between(10, 150) * MS, world.outside, run);
  }
}

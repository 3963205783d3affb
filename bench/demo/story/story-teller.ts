/** Tells the story as it happens, and counts the checks that passed and those that failed. */

import { messageOf } from '../../../engine/contract/process/message-of.ts';
import type { Site } from '../site.ts';
import type { Fan, OperatorClient, Shop } from './story-cast.ts';
import type { Answer, Stream } from './story-http.ts';

/** What all chapters use. */
export interface Stage {
  readonly teller: Teller;
  readonly site: Site;
  readonly operator: OperatorClient;
  /** A second operator who works at the same time. */
  readonly colleague: OperatorClient;
  readonly shop: Shop;
  /** Six of them, in the order in which they enter. */
  readonly fans: readonly Fan[];
  /** The fan's stream, which ends with the story at the latest. */
  watch(fan: Fan, campaign: number): Stream;
  /** Numbers at the end, under the names that the story uses. */
  readonly counts: Map<string, number>;
}

/** The story cannot go on because it depends on an answer that was another one; the fault is noted already. */
export class StoryBroken extends Error {}

export interface Told {
  readonly chapter: string;
  readonly checks: number;
  readonly faults: number;
}

export class Teller {
  readonly #write: (line: string) => void;
  readonly #beganMs = performance.now();
  readonly #chapters: { chapter: string; checks: number; faults: number }[] = [];
  readonly #faults: string[] = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  chapter(title: string): void {
    this.#chapters.push({ chapter: title, checks: 0, faults: 0 });
    this.#write('');
    this.#write(title);
  }

  /** Prints one event: who did what. */
  say(who: string, what: string): void {
    const seconds = ((performance.now() - this.#beganMs) / 1_000).toFixed(1);
    this.#write(`${seconds.padStart(7)} s  ${who.padEnd(10)} ${what}`);
  }

  /** Counts a check; prints it only if it fails. */
  check(what: string, isSo: boolean, found: unknown): boolean {
    const chapter = this.#chapters.at(-1);
    if (chapter !== undefined) chapter.checks += 1;
    if (isSo) return true;
    if (chapter !== undefined) chapter.faults += 1;
    const fault = `${chapter?.chapter ?? 'before the story'}: ${what}; it was ${shown(found)}`;
    this.#faults.push(fault);
    this.say('OFF', fault);
    return false;
  }

  /** Checks that two values are equal. */
  equal(what: string, found: unknown, wanted: unknown): boolean {
    return this.check(
      `${what} should be ${shown(wanted)}`,
      JSON.stringify(found) === JSON.stringify(wanted),
      found,
    );
  }

  /** Checks an answer that the story depends on: throws StoryBroken when it has another status. */
  need(what: string, answer: Answer, status: number): Answer {
    const found = { status: answer.status, ...answer.body };
    if (!this.check(`${what} should be answered with ${status}`, answer.status === status, found)) {
      throw new StoryBroken(`${what}: ${shown(found)}`);
    }
    return answer;
  }

  /** Checks that an answer is this problem; `slug` as in engine/contract/api/problem.ts. */
  refused(what: string, answer: Answer, slug: string): void {
    const type = `urn:fairline:problem:${slug}`;
    this.check(`${what} should be refused as ${slug}`, answer.body.type === type, answer.body);
  }

  get told(): readonly Told[] {
    return this.#chapters;
  }

  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Notes the error that ended the story early. */
  broken(error: unknown): void {
    const text = messageOf(error);
    if (!(error instanceof StoryBroken)) this.#faults.push(`the story ended early: ${text}`);
  }
}

const SHOWN_CHARACTERS = 400;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS - 1)}…`;
}

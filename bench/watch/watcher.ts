import { Link, type LinkListener } from '../load/link.ts';
import type { ResponseHead } from '../load/response.ts';
import { monotonicUs } from './clock.ts';
import { EventStreamParser } from './event-stream.ts';
import type { Post, WatchEnd, WatchedUser } from './record.ts';
import { objectOf, Sight } from './sight.ts';
import type { Reloading, WatcherRun, WatcherTerms } from './terms.ts';

const BODY_CHARACTERS_MAX = 65_536;
/** How long to wait before a reconnect, until the server sends `retry`. */
const RETRY_MS = 1_000;
/** The wait doubles for each failure in a row, three times, so that not everybody asks a lost gateway again at once. */
const FAILURE_DOUBLINGS = 3;
/** Between two requests for the queue of an entry that somebody else makes. */
const NO_ENTRY_MS = 250;
/** How long the reload of a page takes. */
const RELOAD_PAUSE_MS = { from: 50, to: 300 };
/** Spread of repeated requests after a 503, added to a quarter of Retry-After. */
const BUSY_JITTER_MS = 250;

const NOT_OPEN_YET = 'urn:fairline:problem:not-open-yet';

type State = 'resting' | 'posting' | 'opening' | 'streaming' | 'over';

/**
 * One person who enters and watches. `resting` until a timer says what to do next -> `posting` the entry -> `opening` the
 * queue -> `streaming`; from each of these back to `resting`, to reconnect; `over` when the server said 204 after the
 * outcome, when the entry was refused, or on an answer that should not be. Only this class writes the state.
 */
export class Watcher implements LinkListener {
  readonly #terms: WatcherTerms;
  readonly #run: WatcherRun;
  readonly #sight: Sight;
  readonly #link = new Link(this);
  readonly #posts: Post[] = [];
  #state: State = 'resting';
  #timer: NodeJS.Timeout | undefined;
  #reloadTimer: NodeJS.Timeout | undefined;
  #turn: number;
  #hasEntry = false;
  #sentUs = 0;
  #heardUs = 0;
  #status = 0;
  #retryAfterMs = -1;
  #body = '';
  #events: EventStreamParser | undefined;
  #retryMs = RETRY_MS;
  #failures = 0;
  #streams = 0;
  #reloads = 0;
  #heartbeats = 0;
  #end: WatchEnd = 'limit';
  #why = '';

  constructor(index: number, terms: WatcherTerms, run: WatcherRun) {
    this.#terms = terms;
    this.#run = run;
    this.#turn = terms.turn;
    this.#sight = new Sight(index, run);
  }

  begin(delayMs: number): void {
    this.#rest(delayMs);
  }

  /** Gives up a request or stream that takes too long. */
  sweep(nowUs: number, answerTimeoutMs: number, silenceMs: number): void {
    const waitedMs = (nowUs - this.#heardUs) / 1e3;
    if (this.#state === 'streaming') {
      if (waitedMs > silenceMs) this.down('silent');
    } else if (this.#state !== 'resting' && waitedMs > answerTimeoutMs) {
      this.down('timeout');
    }
  }

  /** Ends the watcher in whatever state it is. */
  cut(): void {
    this.#over('limit', this.#state);
  }

  result(): WatchedUser {
    return {
      campaign: this.#terms.campaign,
      user: this.#terms.user,
      posts: this.#posts,
      outcomes: this.#sight.outcomes,
      streams: this.#streams,
      reloads: this.#reloads,
      heartbeats: this.#heartbeats,
      end: this.#end,
      why: this.#why,
    };
  }

  heard(): void {
    this.#heardUs = monotonicUs();
  }

  head(head: Readonly<ResponseHead>): void {
    this.#status = head.status;
    this.#retryAfterMs = head.retryAfterMs;
    if (this.#state !== 'opening' || head.status !== 200) return;
    if (head.mediaType !== 'text/event-stream') {
      this.#over('failed', `the queue answers with ${head.mediaType}`);
      return;
    }
    this.#state = 'streaming';
    this.#hasEntry = true;
    this.#streams += 1;
    this.#failures = 0;
    this.#sight.opened(this.#sentUs);
    this.#events = this.#newParser(this.#events?.lastEventId ?? '');
  }

  body(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'streaming') this.#events?.feed(bytes, start, end);
    else if (this.#body.length < BODY_CHARACTERS_MAX) this.#body += bytes.toString('utf8', start, end);
  }

  done(): void {
    if (this.#state === 'posting') this.#posted();
    else if (this.#state === 'opening') this.#notOpened();
    else if (this.#state === 'streaming') this.#streamEnded();
  }

  down(code: string): void {
    // Nothing was under way: the server closes idle connections.
    if (this.#state === 'resting' || this.#state === 'over') return;
    this.#run.error(code);
    if (this.#state === 'posting') {
      this.#posts.push({ sentUs: this.#sentUs, answeredUs: null, status: 0, stamp: null, problem: null });
    }
    const waitMs = this.#retryMs * 2 ** Math.min(this.#failures++, FAILURE_DOUBLINGS);
    this.#comeBack(waitMs * (0.5 + Math.random() / 2));
  }

  garbled(message: string): void {
    this.#over('failed', message);
  }

  #newParser(lastEventId: string): EventStreamParser {
    return new EventStreamParser(
      {
        event: (type, data) => this.#event(type, data),
        comment: () => {
          this.#heartbeats += 1;
        },
        retry: ms => {
          this.#retryMs = ms;
        },
      },
      lastEventId,
    );
  }

  #rest(delayMs: number): void {
    this.#state = 'resting';
    this.#timer = setTimeout(() => this.#act(), delayMs);
  }

  #act(): void {
    if (this.#terms.enter === 'post' && !this.#hasEntry) this.#post();
    else this.#open();
  }

  #post(): void {
    this.#state = 'posting';
    this.#send(`POST /v1/campaigns/${this.#terms.campaign}/entries`, 'Content-Length: 0\r\n');
  }

  #open(): void {
    const lastEventId = this.#events?.lastEventId ?? '';
    const id = lastEventId === '' ? '' : `Last-Event-ID: ${lastEventId}\r\n`;
    this.#state = 'opening';
    this.#send(`GET /v1/campaigns/${this.#terms.campaign}/queue`, `Accept: text/event-stream\r\n${id}`);
  }

  #send(request: string, headers: string): void {
    const { bases, ticket } = this.#terms;
    const base = bases[this.#turn % bases.length];
    if (base === undefined) throw new Error('a watcher needs at least one base');
    this.#body = '';
    this.#sentUs = monotonicUs();
    this.#heardUs = this.#sentUs;
    const always = `Host: ${base.authority}\r\nAuthorization: Bearer ${ticket()}\r\n`;
    this.#link.send(base, `${request} HTTP/1.1\r\n${always}${headers}\r\n`);
  }

  #event(type: string, data: string): void {
    if (this.#state !== 'streaming') return;
    const fault = this.#sight.event(type, data, this.#heardUs);
    if (fault !== undefined) this.#over('failed', fault);
    else if (type === 'position') this.#planReload();
  }

  #planReload(): void {
    const { reloading } = this.#terms;
    if (reloading === undefined || this.#reloads >= reloading.times || this.#reloadTimer !== undefined)
      return;
    this.#reloadTimer = setTimeout(() => {
      if (this.#state === 'streaming' && this.#sight.outcomes.length === 0) this.#reload(reloading);
    }, between(reloading.afterMs));
  }

  #reload({ withoutId }: Reloading): void {
    this.#reloads += 1;
    // A reloaded page knows no id; a reconnect sends it.
    if (withoutId) this.#events = undefined;
    this.#comeBack(between(RELOAD_PAUSE_MS));
  }

  /** Drops the connection, and goes to the next gateway after a while. */
  #comeBack(delayMs: number): void {
    this.#letGo();
    this.#turn += 1;
    this.#rest(delayMs);
  }

  #letGo(): void {
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = undefined;
    this.#link.drop();
  }

  /** After the outcome an EventSource reconnects once more, and gets 204; a reloaded page is shown the outcome again. */
  #streamEnded(): void {
    const { outcomes } = this.#sight;
    const { reloading } = this.#terms;
    if (outcomes.length === 0) this.#run.error('stream_ended');
    if (outcomes.length === 1 && reloading?.withoutId === true) this.#reload(reloading);
    else this.#comeBack(this.#retryMs);
  }

  #posted(): void {
    const status = this.#status;
    const { type, stamp } = objectOf(this.#body);
    const problem = typeof type === 'string' ? type : null;
    this.#posts.push({
      sentUs: this.#sentUs,
      answeredUs: this.#heardUs,
      status,
      stamp: typeof stamp === 'number' ? stamp : null,
      problem,
    });
    this.#failures = 0;
    if (status === 202 || status === 200) {
      this.#hasEntry = true;
      this.#open();
    } else if (this.#retryAfterMs >= 0 && (problem === NOT_OPEN_YET || isBusy(status))) {
      this.#askAgain(problem === NOT_OPEN_YET);
    } else if (status === 409) {
      this.#over('refused', problem ?? '409');
    } else {
      this.#over('failed', `the entry was answered with ${status}`);
    }
  }

  /** After Retry-After: exactly then if that is the opening, else spread. */
  #askAgain(isOpening: boolean): void {
    const askedMs = this.#retryAfterMs;
    this.#rest(askedMs + 1 + (isOpening ? 0 : Math.random() * (BUSY_JITTER_MS + askedMs / 4)));
  }

  #notOpened(): void {
    const status = this.#status;
    if (status === 204) {
      if (this.#sight.outcomes.length > 0) this.#over('told', '');
      else this.#over('failed', 'the queue was over before an outcome was shown');
    } else if (status === 404 && !this.#hasEntry) {
      if (this.#run.finishing) this.#over('no-entry', '');
      else this.#rest(NO_ENTRY_MS * (1 + Math.random()));
    } else if (isBusy(status) && this.#retryAfterMs >= 0) {
      this.#run.error(`queue_${status}`);
      this.#askAgain(false);
    } else {
      this.#over('failed', `the queue answered with ${status}`);
    }
  }

  #over(end: WatchEnd, why: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#end = end;
    this.#why = why;
    clearTimeout(this.#timer);
    this.#letGo();
    this.#run.over();
  }
}

function isBusy(status: number): boolean {
  return status === 503 || status === 429;
}

function between({ from, to }: { readonly from: number; readonly to: number }): number {
  return from + Math.random() * (to - from);
}

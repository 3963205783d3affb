/**
 * Follows the heads that gateways show, records and counter-signs them, and reports contradictions.
 *
 * There is a single position for all gateways, because all of them show the same heads: each page is requested from the next
 * gateway in turn, and compared again with those of others later. When there are no new heads, it compares records with what
 * is shown now: each time the most recent ones, and the next stretches of all of them.
 *
 * A finding is reported before its page is recorded: after a kill in between, the page is requested again, and the finding is
 * known.
 */
import { behind, compareHeadPositions } from '../verify/heads/head-positions.ts';
import { isoOf } from '../verify/receipts/leaf.ts';
import type { ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import type { FindingLog } from './finding-log.ts';
import { type Followed, stretchesOf } from './followed.ts';
import type { KnownKeys } from './known-keys.ts';
import { compareAgain, type KeptStretch } from './look-back.ts';
import type { ShownPage } from './page.ts';
import type { RecordLog } from './record-log.ts';
import { NoAnswer, type Service } from './service.ts';

/**
 * How often it records, while there are no heads, up to where everything was shown: some 400 bytes. The records may end this
 * long before the monitor does.
 */
const NOTE_MS = 30_000;
const KEYS_MS = 60_000;
const MOST_BACKOFF_MS = 60_000;
const MOST_FAILURES_ONCE = 5;

export interface MonitorParts {
  readonly services: readonly Service[];
  readonly records: RecordLog;
  readonly findings: FindingLog;
  readonly keys: KnownKeys;
  /** Stores the list of keys for the next run. */
  readonly saveKeys: (document: string) => void;
  /** How many pages of older records are compared again in each round. */
  readonly lookBackPages: number;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Called once for each finding, with its JSON line. */
  readonly onFinding: (line: string, finding: MonitorFinding) => void;
  /** Called with a description when a gateway becomes unavailable, and when it is back. */
  readonly onTrouble: (words: string) => void;
}

export class Monitor {
  readonly #parts: MonitorParts;
  readonly #followed: Followed;
  #history: Generator<KeptStretch>;
  /** A stretch of them that could not be compared. */
  #missed: KeptStretch | undefined;
  #turn = 0;
  /** The last page, if it is not recorded yet because it had no heads. */
  #unnoted: { readonly page: ShownPage; readonly service: Service } | undefined;
  #isBehind = false;
  #notedMs = Number.NEGATIVE_INFINITY;
  #keysMs = Number.NEGATIVE_INFINITY;
  readonly #inTrouble = new Set<string>();

  constructor(parts: MonitorParts, followed: Followed) {
    this.#parts = parts;
    this.#followed = followed;
    this.#history = stretchesOf(parts.records.records());
  }

  /** Runs until `isStopping`; with `isOnce`, until everything is shown and all records were compared again. */
  async run(intervalMs: number, isOnce: boolean, isStopping: () => boolean): Promise<void> {
    for (let failures = 0; !isStopping(); ) {
      const service = this.#nextService();
      try {
        await this.#learnKeysSometimes(service);
        const isLast = await this.#follow(service);
        this.#recovered(service);
        failures = 0;
        if (!isLast) continue;
        if (isOnce) {
          await this.#lookBackAtAll();
          break;
        }
        await this.#lookBack();
        await this.#parts.pause(intervalMs);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        if (isStopping()) break;
        this.#failed(error);
        failures += 1;
        if (isOnce && failures > MOST_FAILURES_ONCE) throw error;
        await this.#parts.pause(this.#backoffMs(intervalMs, failures));
      }
    }
    this.#note();
  }

  /** Requests the next page. Returns whether it was the last one. */
  async #follow(service: Service): Promise<boolean> {
    const shownPage = await service.page(this.#followed.next);
    const found = await this.#signatures(shownPage.heads, service);
    const unsigned = new Set(found.flatMap(({ kind, heads }) => (kind === 'signature' ? heads : [])));
    const page = withoutTail(shownPage, unsigned);
    if (page.heads.length === 0 && shownPage.heads.length > 0) {
      for (const finding of found) this.#tell(finding, service);
      throw new NoAnswer(service.url, 'the service shows no signed head');
    }
    for (const shown of page.heads) {
      if (unsigned.has(shown.text)) continue;
      const finding = this.#followed.look(shown);
      if (finding !== undefined) found.push(finding);
    }
    for (const finding of [...found, ...this.#followed.moveOn(page)]) this.#tell(finding, service);
    this.#unnoted = { page, service };
    this.#noteThrough(page, service);
    const isLast = page.throughUs !== undefined;
    if (page.heads.length > 0 || (isLast && this.#parts.nowMs() - this.#notedMs >= NOTE_MS)) this.#note();
    return isLast;
  }

  /**
   * A restored ledger shows less for a while, and the same again later. Heads that are gone for good are found by looking
   * back.
   */
  #noteThrough({ throughUs }: ShownPage, { url }: Service): void {
    if (throughUs === undefined) return;
    const isBehind = compareHeadPositions(behind(throughUs), this.#followed.shownTo) < 0;
    if (isBehind === this.#isBehind) return;
    this.#isBehind = isBehind;
    this.#parts.onTrouble(
      isBehind
        ? `${url} says that its heads are complete up to ${isoOf(throughUs)}, which is earlier than it said before`
        : 'the service again reports as much as before',
    );
  }

  /** Records the last page, if it is not recorded yet. */
  #note(): void {
    if (this.#unnoted === undefined) return;
    const { page, service } = this.#unnoted;
    this.#keep(page, service);
    this.#unnoted = undefined;
    this.#notedMs = this.#parts.nowMs();
  }

  /** Compares the most recent records, and the next stretches of all of them. What cannot be requested now is requested next. */
  async #lookBack(): Promise<void> {
    const { recent } = this.#followed;
    if (recent === undefined) return;
    try {
      await this.#compare(recent);
      for (let page = 0; page < this.#parts.lookBackPages; page++) {
        // Behind the last one it begins anew: in the next round, unless this one has compared none.
        const stretch = this.#missed ?? this.#nextStretch() ?? (page === 0 ? this.#nextStretch() : undefined);
        if (stretch === undefined) break;
        this.#missed = stretch;
        await this.#compare(stretch);
        this.#missed = undefined;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#failed(error);
    }
  }

  /** Undefined behind the last record; the call after that returns the first stretch again. */
  #nextStretch(): KeptStretch | undefined {
    const { done, value } = this.#history.next();
    if (done !== true) return value;
    this.#history = stretchesOf(this.#parts.records.records());
    return undefined;
  }

  async #lookBackAtAll(): Promise<void> {
    for (const stretch of stretchesOf(this.#parts.records.records())) await this.#compare(stretch);
  }

  async #compare(stretch: KeptStretch): Promise<void> {
    const service = this.#anyService();
    const page = await service.page(stretch.after);
    this.#recovered(service);
    const found = compareAgain(stretch, page);
    if (found.length === 0) return;
    const kept = new Set(stretch.heads.map(({ text }) => text));
    const strange = page.heads.filter(({ text }) => !kept.has(text));
    const all = [...(await this.#signatures(strange, service)), ...found];
    const isNew = all.map(finding => this.#tell(finding, service)).includes(true);
    // Records it as it is shown now, counter-signed: it is the evidence.
    if (isNew) this.#keep(page, service);
  }

  async #signatures(heads: readonly ShownHead[], service: Service): Promise<MonitorFinding[]> {
    const { keys } = this.#parts;
    if (!keys.isPinned && heads.some(shown => !keys.knows(shown))) await this.#learnKeys(service);
    const checked = await Promise.all(heads.map(shown => keys.check(shown)));
    return checked.filter(finding => finding !== undefined);
  }

  async #learnKeysSometimes(service: Service): Promise<void> {
    if (this.#parts.nowMs() - this.#keysMs < KEYS_MS) return;
    await this.#learnKeys(service);
    this.#keysMs = this.#parts.nowMs();
  }

  async #learnKeys(service: Service): Promise<void> {
    const { keys, saveKeys } = this.#parts;
    const before = keys.document();
    for (const finding of keys.learn(await service.keys())) this.#tell(finding, service);
    if (keys.document() !== before) saveKeys(keys.document());
  }

  #keep(page: ShownPage, { url }: Service): void {
    const { nowMs, records } = this.#parts;
    records.append(page, url, Math.round(nowMs() * 1_000));
  }

  /** Reports a finding; returns whether it is new. */
  #tell(finding: MonitorFinding, { url }: Service): boolean {
    const { findings, nowMs, onFinding } = this.#parts;
    const line = findings.add(finding, url, Math.round(nowMs() * 1_000));
    if (line !== undefined) onFinding(line, finding);
    return line !== undefined;
  }

  #nextService(): Service {
    const { services } = this.#parts;
    const service = services[this.#turn % services.length];
    if (service === undefined) throw new Error('no gateway is given');
    this.#turn += 1;
    return service;
  }

  /** A random gateway, so that each one is asked about everything in time. */
  #anyService(): Service {
    const { random, services } = this.#parts;
    return services[Math.floor(random() * services.length)] ?? this.#nextService();
  }

  /** Random, so that monitors that lost the same gateway do not all return at the same moment. */
  #backoffMs(intervalMs: number, failures: number): number {
    const most = Math.min(intervalMs * 2 ** Math.min(failures, 16), MOST_BACKOFF_MS);
    return most * (0.5 + this.#parts.random() / 2);
  }

  #failed({ url, message }: NoAnswer): void {
    if (this.#inTrouble.has(url)) return;
    this.#inTrouble.add(url);
    this.#parts.onTrouble(`cannot follow ${url}: ${message}; retrying`);
  }

  #recovered({ url }: Service): void {
    if (this.#inTrouble.delete(url)) this.#parts.onTrouble(`following ${url} again`);
  }
}

/**
 * The page without unsigned heads at its end, unless it is the last page. Anybody can make up a head in a position far ahead,
 * and the next page must not begin there.
 */
function withoutTail(page: ShownPage, unsigned: ReadonlySet<string>): ShownPage {
  if (page.throughUs !== undefined) return page;
  const last = page.heads.findLastIndex(({ text }) => !unsigned.has(text));
  return { ...page, heads: page.heads.slice(0, last + 1) };
}

/**
 * Checks, as heads are shown one after the other, that each continues the chain of its incarnation: it contains the hash of
 * the head signed before it.
 *
 * Heads are shown in the order of their first instants. If a proxy notes when requests came, slices of a gateway overlap, and
 * a head may be shown before the one that it continues. So it waits for its predecessor until everything from around that
 * time must have been shown. A chain ends in its `tip`; everything before the tip is linked.
 */
import { nodePrimitives } from '../verify/node.ts';
import { linkOf, nameOf, type SignedHead } from '../verify/receipts/head.ts';
import { toBase64Url } from '../verify/text/bytes.ts';
import type { MonitorFinding } from './finding.ts';

export interface ShownHead {
  readonly text: string;
  readonly head: SignedHead;
}

/**
 * REQUEST_START_WAIT_MS is 5 s at most. Shorter: a slice noted late by a proxy is reported as a fork. Longer: a slice that
 * continues nothing is reported that much later.
 */
const OVERLAP_US = 10_000_000;
/** Some 300 bytes each. Beyond that, the chain silent for longest is forgotten; if it continues, it is accepted from there. */
const MOST_CHAINS = 100_000;
/** Links kept before the tip: a second head that continues one of them is a fork at once, of an older one after OVERLAP_US. */
const LINKS_KEPT = 16;

interface Tip {
  readonly sliceNumber: number;
  readonly link: string;
}

interface Chain {
  tip: Tip | undefined;
  readonly links: string[];
  waiting: ShownHead[];
}

export class ChainWatch {
  readonly #chains = new Map<string, Chain>();
  readonly #waiting = new Set<Chain>();
  /** Whether a chain whose beginning was not shown is accepted from where it is. */
  #takesMiddles: boolean;

  /** `isFromStart`: all heads that ever existed are shown. */
  constructor(isFromStart: boolean) {
    this.#takesMiddles = !isFromStart;
  }

  /** Checks the next head that is shown. */
  take(shown: ShownHead): MonitorFinding | undefined {
    const { head } = shown;
    const chain = this.#chainOf(head);
    const { tip, waiting, links } = chain;
    const previous = toBase64Url(head.previous);
    if (tip !== undefined && head.sliceNumber <= tip.sliceNumber) return rewindOf(shown, tip);
    const rival = waiting.find(
      other => other.head.sliceNumber === head.sliceNumber || toBase64Url(other.head.previous) === previous,
    );
    if (rival !== undefined)
      return forkOf(`but ${nameOf(rival.head)} was shown before in the same position`, shown, rival);
    if (tip?.link === previous || (tip === undefined && isFirst(head))) {
      this.#advance(chain, shown);
      return undefined;
    }
    if (tip !== undefined && (isFirst(head) || links.includes(previous)))
      return forkOf(`but continues the predecessor of slice ${tip.sliceNumber} or of an earlier one`, shown);
    chain.waiting = [...waiting, shown];
    this.#waiting.add(chain);
    return undefined;
  }

  /** Everything that begins up to this instant was shown: reports heads whose predecessor should have been shown by now. */
  passed(throughUs: number): readonly MonitorFinding[] {
    const findings: MonitorFinding[] = [];
    for (const chain of this.#waiting) {
      const due = chain.waiting.filter(({ head }) => head.lastUs + OVERLAP_US <= throughUs);
      if (due.length === 0) continue;
      due.sort((a, b) => a.head.sliceNumber - b.head.sliceNumber);
      for (const shown of due) {
        if (!chain.waiting.includes(shown)) continue;
        const isMiddle = chain.tip === undefined && this.#takesMiddles;
        if (!isMiddle) findings.push(forkOf('but continues a slice that is not shown', shown));
        chain.waiting = chain.waiting.filter(other => other !== shown);
        if (shown.head.sliceNumber > (chain.tip?.sliceNumber ?? 0)) this.#advance(chain, shown);
      }
      if (chain.waiting.length === 0) this.#waiting.delete(chain);
    }
    return findings;
  }

  #advance(chain: Chain, shown: ShownHead): void {
    for (let next: ShownHead | undefined = shown; next !== undefined; ) {
      const link = toBase64Url(linkOf(next.head, nodePrimitives));
      if (chain.tip !== undefined) chain.links.push(chain.tip.link);
      if (chain.links.length > LINKS_KEPT) chain.links.shift();
      chain.tip = { sliceNumber: next.head.sliceNumber, link };
      next = chain.waiting.find(({ head }) => toBase64Url(head.previous) === link);
      const found = next;
      if (found !== undefined) chain.waiting = chain.waiting.filter(other => other !== found);
    }
    if (chain.waiting.length === 0) this.#waiting.delete(chain);
  }

  #chainOf({ gateway, incarnation }: SignedHead): Chain {
    const name = `${gateway}/${incarnation}`;
    const known = this.#chains.get(name);
    const chain = known ?? { tip: undefined, links: [], waiting: [] };
    // Keeps the map ordered: the chain seen last comes last.
    this.#chains.delete(name);
    this.#chains.set(name, chain);
    if (known === undefined && this.#chains.size > MOST_CHAINS) this.#forgetOldest();
    return chain;
  }

  #forgetOldest(): void {
    for (const [name, chain] of this.#chains) {
      this.#chains.delete(name);
      this.#waiting.delete(chain);
      this.#takesMiddles = true;
      return;
    }
  }
}

function isFirst({ previous }: SignedHead): boolean {
  return previous.every(byte => byte === 0);
}

function rewindOf(shown: ShownHead, { sliceNumber }: Tip): MonitorFinding {
  const { head, text } = shown;
  if (head.sliceNumber === sliceNumber)
    return forkOf('but another slice with this number was shown before', shown);
  return {
    kind: 'rewind',
    message: `${nameOf(head)} is shown now, but its chain was shown up to slice ${sliceNumber} before`,
    heads: [text],
  };
}

function forkOf(what: string, shown: ShownHead, rival?: ShownHead): MonitorFinding {
  return {
    kind: 'fork',
    message: `${nameOf(shown.head)} is shown, ${what}`,
    heads: [shown.text, ...(rival === undefined ? [] : [rival.text])],
  };
}

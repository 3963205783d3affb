/** The live view: redrawn in place on a terminal, a plain line a second elsewhere. */
import { type CampaignGauge, type Gauges, readGauges } from './gauges.ts';

/** What the view shows beside the gauges; the demo updates it. */
export interface Scene {
  readonly title: string;
  /** How many requests for an entry there will be. */
  readonly asks: number;
  phase: string;
}

export interface ViewOptions {
  readonly scene: Scene;
  readonly gateways: readonly string[];
  readonly engine: string;
  readonly stream: NodeJS.WriteStream;
}

const REDRAW_MS = 250;
const LINE_MS = 1_000;
const BAR = 32;
/** Interval for entries/s; with a shorter one the figure would jump. */
const RATE_MS = 900;

const CLEAR_BELOW = '\u001b[J';
const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Starts the view. The function that it returns ends it after a last update. */
export function startView(options: ViewOptions): () => Promise<void> {
  const { scene, stream } = options;
  const isTerminal = stream.isTTY === true;
  const rate = new Rate();
  const beganMs = performance.now();
  let drawn = 0;
  let stopped = false;
  const show = async (): Promise<void> => {
    const gauges = await readGauges(options.gateways, options.engine);
    const seconds = (performance.now() - beganMs) / 1e3;
    const perSecond = rate.of(gauges.accepted, performance.now());
    if (!isTerminal) {
      stream.write(`${lineOf(scene, gauges, perSecond, seconds)}\n`);
      return;
    }
    // A line that wraps would not be overwritten by the next update.
    const columns = stream.columns ?? Number.POSITIVE_INFINITY;
    const lines = blockOf(scene, gauges, perSecond, seconds).map(line => line.slice(0, columns - 1));
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\r${CLEAR_BELOW}`;
    stream.write(up + lines.map(line => `${line}\n`).join(''));
    drawn = lines.length;
  };
  const loop = (async () => {
    while (!stopped) {
      const began = performance.now();
      await show();
      const leftMs = (isTerminal ? REDRAW_MS : LINE_MS) - (performance.now() - began);
      // In small steps, so that the end of the demo does not wait for the view.
      for (let waited = 0; waited < leftMs && !stopped; waited += 50) {
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
    await show();
  })();
  return async () => {
    stopped = true;
    await loop;
  };
}

/** Entries per second, over about the last second. */
class Rate {
  readonly #looks: { readonly count: number; readonly atMs: number }[] = [];

  of(count: number, atMs: number): number {
    this.#looks.push({ count, atMs });
    while ((this.#looks[1]?.atMs ?? atMs) < atMs - RATE_MS) this.#looks.shift();
    const oldest = this.#looks[0];
    return oldest === undefined || atMs <= oldest.atMs
      ? 0
      : ((count - oldest.count) * 1e3) / (atMs - oldest.atMs);
  }
}

function progressOf(scene: Scene, gauges: Gauges): number {
  return Math.min(1, (gauges.accepted + gauges.soldOut) / scene.asks);
}

function lagOf({ watermarkLagMs }: Gauges): string {
  return watermarkLagMs === undefined ? 'not known' : `${number.format(watermarkLagMs)} ms behind`;
}

function stateOf({ kind, stock, granted, settled }: CampaignGauge): string {
  const done = kind === 'coupon' ? 'granted' : 'drawn';
  return `${number.format(granted)} of ${number.format(stock)} ${done}, ${number.format(settled)} decided`;
}

function blockOf(scene: Scene, gauges: Gauges, perSecond: number, seconds: number): readonly string[] {
  const progress = progressOf(scene, gauges);
  const filled = Math.round(progress * BAR);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
  const row = (name: string, value: string): string => `  ${name.padEnd(11)} ${value}`;
  return [
    scene.title,
    row('phase', `${scene.phase} (${seconds.toFixed(0)} s)`),
    row('requests', `${bar} ${(progress * 100).toFixed(0)} %`),
    row(
      'accepted',
      `${number.format(gauges.accepted)} (${number.format(gauges.soldOut)} refused as sold out)`,
    ),
    row('entries/s', number.format(perSecond)),
    row('watermark', lagOf(gauges)),
    row('watchers', number.format(gauges.watchers)),
    ...gauges.campaigns.map(campaign => row(campaign.kind, stateOf(campaign))),
  ];
}

function lineOf(scene: Scene, gauges: Gauges, perSecond: number, seconds: number): string {
  return [
    `${seconds.toFixed(0).padStart(3)} s`,
    scene.phase,
    `${(progressOf(scene, gauges) * 100).toFixed(0)} %`,
    `${number.format(gauges.accepted)} accepted`,
    `${number.format(perSecond)} entries/s`,
    `watermark ${lagOf(gauges)}`,
    `${number.format(gauges.watchers)} watchers`,
    ...gauges.campaigns.map(campaign => `${campaign.kind} ${stateOf(campaign)}`),
  ].join(' · ');
}

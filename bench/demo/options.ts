import { parseArgs } from 'node:util';
import type { LogKind } from '../../engine/contract/log/log.ts';

export interface DemoOptions {
  readonly users: number;
  readonly watchers: number;
  /** Coupons. */
  readonly stock: number;
  /** Winners of the raffle. */
  readonly winners: number;
  readonly gateways: number;
  /** Absent: Kafka if it is available, else Redis Streams. */
  readonly log: LogKind | undefined;
  readonly json: boolean;
}

/** Options of the story, which brings its own people and campaigns. */
export type StoryOptions = Pick<DemoOptions, 'gateways' | 'log' | 'json'>;

/** The options are wrong; `message` has a line for each fault. */
export class OptionsError extends Error {}

interface Whole {
  readonly fallback: number;
  readonly from: number;
  readonly to: number;
  readonly means: string;
}

/** More users than this would take more memory than a laptop has to spare; more gateways would take more cores. */
const WHOLE = {
  users: { fallback: 20_000, from: 2, to: 1_000_000, means: 'who enter, each of them both campaigns' },
  watchers: { fallback: 1_000, from: 1, to: 20_000, means: 'users who watch their position' },
  stock: { fallback: 500, from: 1, to: 1_000_000, means: 'coupons there are' },
  winners: { fallback: 100, from: 1, to: 1_000_000, means: 'winners to be drawn in the raffle' },
  gateways: { fallback: 1, from: 1, to: 16, means: 'gateway processes' },
} as const satisfies Readonly<Record<string, Whole>>;

const LOGS: readonly LogKind[] = ['kafka', 'redis'];

export const USAGE = [
  'npm run demo -- [options]',
  ...Object.entries(WHOLE).map(
    ([name, { fallback, from, to, means }]) =>
      `  --${name.padEnd(9)} ${means}; ${from} to ${to}, ${fallback} when absent`,
  ),
  '  --log       kafka or redis; Kafka where it can be had when absent',
  '  --json      no live view: one JSON object as the last line',
  'npm run demo -- story [--gateways 2] [--log kafka|redis] [--json]',
  '  schedule, coupon, raffle, basket and waiting room, as operators, fans and a shop go through them',
].join('\n');

type Name = keyof typeof WHOLE;

/** Reads the command line. Throws OptionsError naming every fault: option, value, and what was expected. */
export function readOptions(args: readonly string[]): DemoOptions {
  return read(args, Object.keys(WHOLE) as Name[], {});
}

/** The same for the story's options. */
export function readStoryOptions(args: readonly string[]): StoryOptions {
  const { gateways, log, json } = read(args, ['gateways'], { gateways: 2 });
  return { gateways, log, json };
}

function read(
  args: readonly string[],
  names: readonly Name[],
  fallbacks: Readonly<Partial<Record<Name, number>>>,
): DemoOptions {
  const faults: string[] = [];
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries([...names, 'log'].map(name => [name, { type: 'string' as const }])),
      json: { type: 'boolean' },
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value} is not an option; ${known(names)}`);
    if (token.kind !== 'option') continue;
    if (token.name === 'json' && token.value !== undefined) {
      faults.push(`--json is ${show(token.value)}; expected --json alone`);
    } else if (![...names, 'log', 'json'].includes(token.name)) {
      faults.push(`${token.rawName} is not known; ${known(names)}`);
    }
  }
  const whole = (name: Name): number => {
    const { from, to } = WHOLE[name];
    const fallback = fallbacks[name] ?? WHOLE[name].fallback;
    const text = values[name];
    if (text === undefined) return fallback;
    const value = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    faults.push(`--${name} is ${show(text)}; expected a whole number from ${from} to ${to}`);
    return fallback;
  };
  const options = {
    users: whole('users'),
    watchers: whole('watchers'),
    stock: whole('stock'),
    winners: whole('winners'),
    gateways: whole('gateways'),
    log: LOGS.find(log => log === values.log),
    json: values.json === true,
  };
  if (values.log !== undefined && options.log === undefined) {
    faults.push(`--log is ${show(values.log)}; expected kafka or redis`);
  }
  const watchers =
    values.watchers === undefined ? Math.min(options.watchers, options.users) : options.watchers;
  if (watchers > options.users) {
    faults.push(`--watchers is ${watchers}; expected at most --users, which is ${options.users}`);
  }
  if (faults.length > 0) throw new OptionsError(faults.join('\n'));
  return { ...options, watchers };
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : 'given without a value';
}

function known(names: readonly string[]): string {
  return `${[...names, 'log', 'json'].map(name => `--${name}`).join(', ')} are`;
}

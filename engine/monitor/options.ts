/** The command line of `npm run monitor`. */
import { parseArgs } from 'node:util';
import { BEFORE_ALL, behind, type HeadPosition } from '../verify/heads/head-positions.ts';
import { exitCodes } from './finding.ts';

export const USAGE = `npm run monitor -- URL... --out DIR [options]

  URL                 a gateway; several are asked in turn, and their answers are compared with each other
  --out DIR           where counter-signed heads and the monitor's key are kept; created if missing
  --keys FILE         trusted public keys from another source (GET /v1/keys); no others count
  --from INSTANT      start there, like 2030-01-31T18:00:00Z; default: the first head
  --interval-ms N     how long to wait when there is nothing new (100 to 3600000; default 1000)
  --look-back-pages N how many pages of older records to compare again each time (1 to 1000; default 1)
  --once              follow to the end, check everything kept again, and stop

The monitor writes one line of JSON for each finding and describes it on standard error. It runs until it is stopped.
exit codes: ${exitCodes.nothing} no finding ever in DIR, ${exitCodes.usage} wrong usage, ${exitCodes.signature} a signature or a key, ${exitCodes.order} a fork, a rewind or a late slice;
${exitCodes.internal} cannot continue (DIR was not written by a monitor, the disk is full, or with --once nobody answers); the smallest that applies
`;

export class WrongUsage extends Error {}

export interface Options {
  readonly urls: readonly string[];
  readonly directory: string;
  readonly keys: string | undefined;
  readonly from: HeadPosition;
  readonly intervalMs: number;
  readonly lookBackPages: number;
  readonly isOnce: boolean;
}

const MOST_URLS = 64;
const LEAST_INTERVAL_MS = 100;
const MOST_INTERVAL_MS = 3_600_000;
/** One after the other, so a round takes as long as the service needs for them: nothing new is followed meanwhile. */
const MOST_LOOK_BACK_PAGES = 1_000;

const options = {
  out: { type: 'string' },
  keys: { type: 'string' },
  from: { type: 'string' },
  'interval-ms': { type: 'string', default: '1000' },
  'look-back-pages': { type: 'string', default: '1' },
  once: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined if help is requested. Throws WrongUsage. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  if (positionals.length === 0 || positionals.length > MOST_URLS)
    throw new WrongUsage(`${positionals.length} gateways are given; expected 1 to ${MOST_URLS}`);
  if (values.out === undefined) throw new WrongUsage('--out is missing; expected a directory');
  return {
    urls: positionals.map(readUrl),
    directory: values.out,
    keys: values.keys,
    from: values.from === undefined ? BEFORE_ALL : readFrom(values.from),
    intervalMs: readNumber('interval-ms', values, LEAST_INTERVAL_MS, MOST_INTERVAL_MS),
    lookBackPages: readNumber('look-back-pages', values, 1, MOST_LOOK_BACK_PAGES),
    isOnce: values.once,
  };
}

function readNumber<Name extends string>(
  name: Name,
  { [name]: text }: Readonly<Record<Name, string>>,
  least: number,
  most: number,
): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : -1;
  if (number >= least && number <= most) return number;
  throw new WrongUsage(`--${name} is ${shown(text)}; expected a whole number from ${least} to ${most}`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

/** Without query and fragment: requests add their own. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRight =
    url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.search === '' && url.hash === '';
  if (!isRight) throw new WrongUsage(`${shown(text)} is not a gateway; expected http://host:port`);
  return url.href.replace(/\/$/, '');
}

function readFrom(text: string): HeadPosition {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms) || ms < 1)
    throw new WrongUsage(`--from is ${shown(text)}; expected an instant in UTC like 2030-01-31T18:00:00Z`);
  return behind(ms * 1_000 - 1);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

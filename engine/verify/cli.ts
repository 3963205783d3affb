/**
 * `fairline verify`: checks a book, receipts against it, the proof of a draw, and an operator log. No network, no database: files in, a report
 * out. The exit code shows the kind of findings (findings.ts).
 */
import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { joinedPiecesOf, piecesOf, reusedPiecesOf } from './files.ts';
import { EXIT_USAGE, exitCodes, shown } from './findings.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { nodePrimitives } from './node.ts';
import { fromBase64Url } from './text/bytes.ts';
import { type Report, type Request, verify } from './verify.ts';

const USAGE = `fairline verify [book] [options]

  book                the book of a campaign, plain or gzip (NDJSON)
  --receipt <file>    a receipt to check against the book (or only against --keys)
  --user <id>         the user of the receipt
  --receipts <file>   many receipts: one {"receipt":{…},"user":"…"} per line
  --proof <file>      the proof of a draw, alone or to check against the book
  --keys <file>       trusted public keys from another source (GET /v1/keys), instead of those in the book
  --pool-root <root>  the root that you noted when the campaign showed it (pool_root in GET /v1/campaigns/{id})
  --rules-hash <hash> the hash of the rules that you noted when the campaign showed it (rules_hash)
  --heads <file>      heads kept while the campaign was open (GET /v1/heads, one page per line), or the
                      records of a monitor; repeatable
  --log <file>        an operator log (GET /v1/operator-log.ndjson, or one page of GET /v1/operator-log per line),
                      alone, or to compare with the head that the book names
  --max-bytes <n>     limit of the uncompressed book (default ${defaultLimits.bookBytes})
  --max-entries <n>   limit of entries (default ${defaultLimits.entries})
  --max-slices <n>    limit of slices (default ${defaultLimits.slices})
  --max-others <n>    limit of slice items without a line (default ${defaultLimits.others})
  --max-tickets <n>   limit of tickets over all entrants (default ${defaultLimits.tickets})
  --max-line-bytes <n>      limit of a line of the book or of kept heads (default ${defaultLimits.lineBytes})
  --max-heads-bytes <n>     limit of all kept heads together (default ${defaultLimits.headsBytes})
  --max-log-bytes <n>       limit of the operator log (default ${defaultLimits.logBytes})
  --max-entry-bytes <n>     limit of the line of an entry (default ${defaultLimits.entryBytes})
  --max-raises <n>          limit of raises of the stock in a book (default ${defaultLimits.raises})
  --max-keys <n>            limit of keys, given or in a book (default ${defaultLimits.keys})
  --max-keys-bytes <n>      limit of the given keys (default ${defaultLimits.keysBytes})
  --max-receipts <n>        limit of receipts (default ${defaultLimits.receipts})
  --max-receipts-bytes <n>  limit of the file of receipts (default ${defaultLimits.receiptsBytes})
  --max-proof-bytes <n>     limit of the proof (default ${defaultLimits.proofBytes})
  --json              print the report as JSON

exit codes: 0 valid, ${EXIT_USAGE} wrong usage, ${exitCodes.document} unreadable, ${exitCodes.signature} signature or key, ${exitCodes.order} entries or acts, or their order,
${exitCodes.outcome} outcome or draw; the smallest that applies
`;

/** EX_SOFTWARE of sysexits.h. */
const EXIT_INTERNAL = 70;

class WrongUsage extends Error {}

const options = {
  receipt: { type: 'string' },
  user: { type: 'string' },
  receipts: { type: 'string' },
  proof: { type: 'string' },
  keys: { type: 'string' },
  'pool-root': { type: 'string' },
  'rules-hash': { type: 'string' },
  heads: { type: 'string', multiple: true },
  log: { type: 'string' },
  'max-bytes': { type: 'string' },
  'max-entries': { type: 'string' },
  'max-slices': { type: 'string' },
  'max-others': { type: 'string' },
  'max-tickets': { type: 'string' },
  'max-line-bytes': { type: 'string' },
  'max-heads-bytes': { type: 'string' },
  'max-log-bytes': { type: 'string' },
  'max-entry-bytes': { type: 'string' },
  'max-raises': { type: 'string' },
  'max-keys': { type: 'string' },
  'max-keys-bytes': { type: 'string' },
  'max-receipts': { type: 'string' },
  'max-receipts-bytes': { type: 'string' },
  'max-proof-bytes': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** Of these the value may begin with a dash: one in 64 texts in base64url does. */
const ANY_VALUE = ['--pool-root', '--rules-hash', '--user'];

/** `--user -ann` as `--user=-ann`; otherwise parseArgs takes the value for an option. */
function withValuesAttached(args: readonly string[]): string[] {
  const all: string[] = [];
  for (const arg of args) {
    const before = all.at(-1);
    const isValue = /^-[^-]|^-[\w-]{42}$/.test(arg) && before !== undefined && ANY_VALUE.includes(before);
    if (isValue) all.splice(-1, 1, `${before}=${arg}`);
    else all.push(arg);
  }
  return all;
}

function readArguments(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: withValuesAttached(args),
      options,
      allowPositionals: true,
    });
    if (positionals.length > 1) throw new WrongUsage(`${positionals.length} books are given; expected one`);
    return { ...values, book: positionals[0] };
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

type Arguments = ReturnType<typeof readArguments>;

function checkArguments(given: Arguments): void {
  const { book, receipt, receipts, proof, keys, user, heads, log } = given;
  if ([book, receipt, receipts, proof, log].every(document => document === undefined)) {
    throw new WrongUsage('nothing to verify: give a book, a receipt, a proof or an operator log');
  }
  for (const name of ['pool-root', 'rules-hash'] as const) {
    const noted = given[name];
    if (noted === undefined) continue;
    if (fromBase64Url(noted, 32) === undefined)
      throw new WrongUsage(`--${name} is ${shown(noted)}; expected 32 bytes in base64url`);
    if (book === undefined && proof === undefined)
      throw new WrongUsage(`--${name} needs a book or a proof to compare with`);
  }
  if (heads !== undefined && book === undefined) throw new WrongUsage('--heads needs a book to compare with');
  if ((receipt === undefined) !== (user === undefined)) {
    throw new WrongUsage('--receipt and --user go together: a receipt does not name its user');
  }
  if ((receipt ?? receipts) !== undefined && book === undefined && keys === undefined) {
    throw new WrongUsage('a receipt needs a book to compare with, or --keys to check its signature');
  }
}

/** The limits that may be raised, with their options. */
const raised = {
  'max-bytes': 'bookBytes',
  'max-entries': 'entries',
  'max-slices': 'slices',
  'max-others': 'others',
  'max-tickets': 'tickets',
  'max-line-bytes': 'lineBytes',
  'max-heads-bytes': 'headsBytes',
  'max-log-bytes': 'logBytes',
  'max-entry-bytes': 'entryBytes',
  'max-raises': 'raises',
  'max-keys': 'keys',
  'max-keys-bytes': 'keysBytes',
  'max-receipts': 'receipts',
  'max-receipts-bytes': 'receiptsBytes',
  'max-proof-bytes': 'proofBytes',
} as const satisfies Readonly<Record<string, keyof Limits>>;

function limitsOf(given: Arguments): Partial<Limits> {
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const [name, limit] of Object.entries(raised)) {
    const text = given[name as keyof typeof raised];
    if (text === undefined) continue;
    if (!/^[1-9]\d{0,14}$/.test(text)) {
      throw new WrongUsage(
        `--${name} is ${JSON.stringify(text.slice(0, 60))}; expected a whole number from 1`,
      );
    }
    limits[limit] = Number(text);
  }
  return limits;
}

/** A small file as a whole; one byte more than `most` is enough for the verifier to refuse it. */
async function smallFile(path: string, most: number): Promise<Uint8Array> {
  return await withFile(path, async file => {
    const bytes = new Uint8Array(Math.min((await file.stat()).size, most + 1));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  });
}

type File = Awaited<ReturnType<typeof open>>;

async function withFile<T>(path: string, use: (file: File) => Promise<T>): Promise<T> {
  try {
    const file = await open(path);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new WrongUsage(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function requestOf(given: Arguments): Promise<Request> {
  const { book, receipt, user, receipts, proof, keys, heads, log } = given;
  // These are opened while they are read, when a failure would look like one of the verifier.
  for (const path of [book, log, ...(heads ?? [])].filter(path => path !== undefined))
    await withFile(path, async file => await file.stat());
  const limits = { ...defaultLimits, ...limitsOf(given) };
  const file = async (path: string | undefined, most: number): Promise<Uint8Array | undefined> =>
    path === undefined ? undefined : await smallFile(path, most);
  const [one, many, proofBytes, keyBytes] = [
    await file(receipt, limits.receiptBytes),
    await file(receipts, limits.receiptsBytes),
    await file(proof, limits.proofBytes),
    await file(keys, limits.keysBytes),
  ];
  return {
    primitives: nodePrimitives,
    limits,
    ...(book === undefined ? {} : { book: piecesOf(book) }),
    ...(one === undefined || user === undefined ? {} : { receipt: { bytes: one, user } }),
    ...(many === undefined ? {} : { receipts: many }),
    ...(proofBytes === undefined ? {} : { proof: proofBytes }),
    ...(keyBytes === undefined ? {} : { keys: keyBytes }),
    ...(heads === undefined ? {} : { heads: joinedPiecesOf(heads) }),
    ...(log === undefined ? {} : { log: reusedPiecesOf(log) }),
    ...(given['pool-root'] === undefined ? {} : { poolRoot: given['pool-root'] }),
    ...(given['rules-hash'] === undefined ? {} : { rulesHash: given['rules-hash'] }),
  };
}

function textOf({ ok, findings, checked, notes, notProven }: Report): string {
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map(line => `  - ${line}`)];
  return [
    ok ? 'VALID' : 'INVALID',
    ...list(
      'Found:',
      findings.map(({ code, message }) => `${code}: ${message}`),
    ),
    ...list('Checked:', checked),
    ...list('Notes:', notes),
    ...list('This does not prove:', notProven),
    '',
  ].join('\n');
}

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const given = readArguments(args[0] === 'verify' ? args.slice(1) : args);
    if (given.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    checkArguments(given);
    const report = await verify(await requestOf(given));
    process.stdout.write(given.json === true ? `${JSON.stringify(report)}\n` : textOf(report));
    return report.exitCode;
  } catch (error) {
    if (error instanceof WrongUsage) {
      process.stderr.write(`${error.message}\n\n${USAGE}`);
      return EXIT_USAGE;
    }
    // A fault of this program must not look like a finding.
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT_INTERNAL;
  }
}

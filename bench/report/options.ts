import { parseArgs } from 'node:util';

/** The command line is wrong; `message` names the option, its value, and what was expected. */
export class UsageError extends Error {}

/** A whole number, with a default and bounds. */
export interface WholeOption {
  readonly kind: 'whole';
  readonly fallback: number;
  readonly from: number;
  readonly to: number;
  readonly help: string;
}

export interface FlagOption {
  readonly kind: 'flag';
  readonly help: string;
}

type Option = WholeOption | FlagOption;

export function whole(fallback: number, from: number, to: number, help: string): WholeOption {
  return { kind: 'whole', fallback, from, to, help };
}

export function flag(help: string): FlagOption {
  return { kind: 'flag', help };
}

export type OptionValues<O extends Readonly<Record<string, Option>>> = {
  readonly [Name in keyof O]: O[Name] extends WholeOption ? number : boolean;
};

/** Reads `--name value`, `--name=value` and `--flag`. Throws UsageError with every fault. */
export function readOptions<O extends Readonly<Record<string, Option>>>(
  options: O,
  args: readonly string[],
): OptionValues<O> {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { kind }]) => [
        name,
        { type: kind === 'flag' ? 'boolean' : 'string' } as const,
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const faults: string[] = [];
  const right = `expected one of ${Object.keys(options)
    .map(name => `--${name}`)
    .join(', ')}`;
  for (const token of tokens) {
    if (token.kind === 'positional')
      faults.push(`${JSON.stringify(cut(token.value))} is not an option; ${right}`);
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      faults.push(`unknown option ${cut(token.rawName)}; ${right}`);
    }
  }
  const read: Record<string, number | boolean> = {};
  for (const [name, option] of Object.entries(options)) {
    const given = values[name];
    if (option.kind === 'flag') {
      read[name] = given === true;
      if (typeof given === 'string')
        faults.push(`--${name} is ${JSON.stringify(cut(given))}; it takes no value`);
      continue;
    }
    const text = given === undefined ? String(option.fallback) : given;
    const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    read[name] = value;
    if (!(value >= option.from && value <= option.to)) {
      const shown = typeof text === 'string' ? JSON.stringify(cut(text)) : 'without a value';
      faults.push(`--${name} is ${shown}; expected a whole number from ${option.from} to ${option.to}`);
    }
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return read as OptionValues<O>;
}

/** The options as lines for a person. */
export function helpOf(options: Readonly<Record<string, Option>>): string {
  const entries = Object.entries(options).map(([name, option]) =>
    option.kind === 'flag'
      ? ([`--${name}`, option.help] as const)
      : ([`--${name} ${option.fallback}`, option.help] as const),
  );
  const width = Math.max(...entries.map(([left]) => left.length));
  return entries.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`).join('\n');
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

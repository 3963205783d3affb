import { type Static, type TSchema, Type } from 'typebox';
import { Default, Errors } from 'typebox/value';
import { messageOf } from '../../engine/contract/process/message-of.ts';

/** Where generators send their requests. */
export const Bases = Type.Array(Type.String(), { minItems: 1, maxItems: 64 });

export const Users = Type.Object(
  {
    from: Type.Integer({ minimum: 0 }),
    to: Type.Integer({ minimum: 1 }),
    prefix: Type.String({ pattern: '^[A-Za-z0-9_-]{0,32}$', default: 'u' }),
    digits: Type.Integer({ minimum: 1, maximum: 12, default: 7 }),
  },
  { additionalProperties: false },
);

/** What tickets are signed with. */
export const Ticket = Type.Object(
  {
    secret: Type.String({ minLength: 1 }),
    audience: Type.String(),
    lifetimeSeconds: Type.Integer({ minimum: 1, default: 3_600 }),
  },
  { additionalProperties: false },
);

/**
 * What one generator process is asked to do, as JSON.
 *
 * - `bases`: where to send, `http://127.0.0.1:3000`; connections are dealt round the list and move on when one fails.
 * - `path`: of every `POST`; `body` is sent with it when not empty, as JSON.
 * - `users`: numbers `from` (inclusive) to `to` (exclusive), each asked for once; id = prefix + number, zero-padded.
 * - `seconds`: when given, no request starts after that time, and `users` only has to be wide enough.
 * - `limitSeconds`: the run is cut off then, whatever is still open.
 * - `timeoutMs`: how long one request, or the making of a connection, may take.
 * - `retry`: ask again for the same user after a 503 with Retry-After, a lost connection or a timeout.
 * - `expect`: what the JSON of a 202 must hold, beside being an object.
 * - `recordPath`: where the clients' own record goes (record.ts).
 * - `hold`: connect, print `{"ready":true}`, begin when a line comes in, and stop when standard input ends.
 */
const Schema = Type.Object(
  {
    bases: Bases,
    path: Type.String({ pattern: '^/[!-~]*$' }),
    connections: Type.Integer({ minimum: 1, maximum: 20_000, default: 400 }),
    users: Users,
    ticket: Ticket,
    body: Type.String({ maxLength: 65_536, default: '' }),
    seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3_600 })),
    limitSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 7_200, default: 600 }),
    timeoutMs: Type.Number({ minimum: 10, maximum: 600_000, default: 30_000 }),
    retry: Type.Boolean({ default: false }),
    maxAttempts: Type.Integer({ minimum: 1, maximum: 10_000, default: 100 }),
    expect: Type.Object(
      {
        campaign: Type.Optional(Type.Integer()),
        stamp: Type.Boolean({ default: false }),
        position: Type.Boolean({ default: false }),
      },
      { additionalProperties: false, default: {} },
    ),
    recordPath: Type.Optional(Type.String({ minLength: 1 })),
    hold: Type.Boolean({ default: false }),
  },
  { additionalProperties: false },
);

export type LoadJob = Static<typeof Schema>;

/** A job as written by hand: everything with a default may be omitted. */
export type LoadRequest = Pick<LoadJob, 'bases' | 'path'> &
  Partial<Omit<LoadJob, 'bases' | 'path' | 'users' | 'ticket' | 'expect'>> & {
    users: Pick<LoadJob['users'], 'from' | 'to'> & Partial<LoadJob['users']>;
    ticket: Pick<LoadJob['ticket'], 'secret' | 'audience'> & Partial<LoadJob['ticket']>;
    expect?: Partial<LoadJob['expect']>;
  };

/** Why a run cannot begin, or was aborted: `code` for programs, the message for people. */
export class LoadError extends Error {
  readonly code: 'bad_job' | 'connect' | 'protocol' | 'aborted';

  constructor(code: LoadError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LoadError';
    this.code = code;
  }
}

/** 46 bytes of record and about 180 of ticket per user: four million users take under 1 GB. */
const USERS_MAX = 4_000_000;

/** Fills in the defaults and checks everything; throws `LoadError` `bad_job` naming all faults at once. */
export function parseJob(input: unknown): LoadJob {
  return parse(Schema, input, ({ bases, users }) => {
    const count = users.to - users.from;
    const tooMany = count > USERS_MAX ? [`/users holds ${count} users, at most ${USERS_MAX} a process`] : [];
    return [...faultsOfUsers('/users', users), ...tooMany, ...faultsOfBases(bases)];
  });
}

/** parseJob for any schema; `faultsOf` finds the faults that the schema cannot express. */
export function parse<Schema extends TSchema>(
  schema: Schema,
  input: unknown,
  faultsOf: (job: Static<Schema>) => readonly string[],
): Static<Schema> {
  const filled: unknown = Default(schema, structuredClone(input));
  const misshapen = Errors(schema, filled).map(fault => `${fault.instancePath || 'job'} ${fault.message}`);
  if (misshapen.length > 0) throw new LoadError('bad_job', misshapen.join('; '));
  const job = filled as Static<Schema>;
  const faults = faultsOf(job);
  if (faults.length > 0) throw new LoadError('bad_job', faults.join('; '));
  return job;
}

export function faultsOfUsers(name: string, { from, to, digits }: Static<typeof Users>): string[] {
  const faults: string[] = [];
  if (from >= to) faults.push(`${name} from ${from} must be below to ${to}`);
  if (to > 10 ** digits) faults.push(`${name} to ${to} does not fit in ${digits} digits`);
  return faults;
}

export function faultsOfBases(bases: readonly string[]): string[] {
  const faults: string[] = [];
  for (const base of bases) {
    try {
      loopback(base);
    } catch (error) {
      faults.push(`/bases ${messageOf(error)}`);
    }
  }
  return faults;
}

/** An address to connect to, and the value of the Host header. */
export interface Base {
  readonly host: string;
  readonly port: number;
  readonly authority: string;
}

/**
 * Reads a base URL. Throws `LoadError` `bad_job` for anything but plain HTTP on this machine: a tool that sends hundreds of
 * thousands of requests must never reach somebody else's server by mistake.
 */
export function loopback(base: string): Base {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || url.protocol !== 'http:' || url.pathname !== '/' || url.search !== '') {
    throw new LoadError('bad_job', `${base} must be http://host:port`);
  }
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!/^127\.\d+\.\d+\.\d+$/.test(host) && host !== '::1') {
    throw new LoadError('bad_job', `${base} is not a loopback address (127.0.0.0/8, [::1] or localhost)`);
  }
  return { host, port: Number(url.port || 80), authority: url.host };
}

/**
 * The token of this machine: a named token of an owner that `npm start` makes for itself and keeps in a file, for the commands of the README
 * and for scripts. It is one of GET /v1/tokens, with an expiry and a last use, and can be revoked; the next start makes another one.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isToken } from '../contract/keys/bearer-tokens.ts';
import { messageOf } from '../contract/process/message-of.ts';

/** A start makes a new token if the present one expires sooner: who starts less often than that is told so by a refusal. */
const RENEW_MS = 30 * 86_400_000;
/** After a failure: the engine may be waiting for its database. */
const AGAIN_MS = 60_000;
/** With the random part below the limit for names, which share them with accounts. */
const MOST_HOST_CHARACTERS = 60;

export interface MachineTokenOptions {
  /** The address of the engine. */
  readonly engine: string;
  /** OPERATOR_TOKEN, which makes it. */
  readonly secret: string;
  /** Only its owner can read it. */
  readonly file: string;
  readonly say: (line: string) => void;
  /** Does the work after so many ms; keeps no process alive. For tests. */
  readonly later?: (ms: number, work: () => void) => void;
}

/** Resolves once the file has a token that works for a while. After a failure it says so, and tries again by itself. */
export async function keepMachineToken(options: MachineTokenOptions): Promise<void> {
  const { engine, secret, file, say, later = (ms, work) => void setTimeout(work, ms).unref() } = options;
  try {
    if (existsSync(file) && (await lasts(engine, readFileSync(file, 'utf8').trim()))) return;
    // Another name each time: a file that was lost cannot revoke its token, and two machines may have one ledger.
    const name = `npm start on ${hostname().slice(0, MOST_HOST_CHARACTERS)}, ${randomBytes(4).toString('hex')}`;
    const answer = await fetch(`${engine}/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, role: 'owner' }),
    });
    const made = Object(await answer.json());
    if (answer.status !== 201) throw new Error(String(made.detail));
    // Whole or not at all: a reader must not find half a token.
    writeFileSync(`${file}.new`, `${made.token}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    say(`no token for this machine: ${messageOf(error)}; trying again`);
    later(AGAIN_MS, () => void keepMachineToken(options));
  }
}

/** Whether the token works, and will for a while. Rejects if the engine cannot say. */
async function lasts(engine: string, token: string): Promise<boolean> {
  if (!isToken('operator', token)) return false;
  const headers = { authorization: `Bearer ${token}` };
  const who = await fetch(`${engine}/v1/operator`, { headers });
  if (who.status === 401) return false;
  const { token: tokenId, detail } = Object(await who.json());
  if (who.status !== 200) throw new Error(String(detail));
  const own = Object(await (await fetch(`${engine}/v1/tokens/${tokenId}`, { headers })).json());
  return Date.parse(String(own.expires_at)) - Date.now() > RENEW_MS;
}

/** The link that makes the first owner: `npm start` prints one while there is no owner, and another one when it has ended. */
import { messageOf } from '../contract/process/message-of.ts';

/** After a failure: the engine may be waiting for its database. */
const AGAIN_MS = 60_000;
/** A link that has just ended is not replaced before the ledger's clock agrees. */
const MARGIN_MS = 1_000;

export interface FirstOwnerOptions {
  /** The address of the engine, as a browser on this machine needs it: cookies are kept for localhost without TLS. */
  readonly engine: string;
  readonly token: string;
  readonly say: (line: string) => void;
  /** Does the work after so many ms; keeps no process alive. For tests. */
  readonly later?: (ms: number, work: () => void) => void;
}

/** Resolves once a link was printed, or there is an owner. Goes on by itself until there is one. */
export async function offerFirstOwner(options: FirstOwnerOptions): Promise<void> {
  const { engine, token, say, later = (ms, work) => void setTimeout(work, ms).unref() } = options;
  const again = (): void => void offerFirstOwner(options);
  try {
    const answer = await fetch(`${engine}/v1/operators/first-owner-link`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    if (answer.status === 409) return;
    const given = Object(await answer.json());
    if (answer.status !== 201) throw new Error(String(given.detail));
    const expiresAt = new Date(String(given.expires_at));
    say(
      `There is no owner yet. This link makes one, once, until ${expiresAt.toISOString()}:\n\n  ${engine}${given.path}\n`,
    );
    later(expiresAt.getTime() - Date.now() + MARGIN_MS, again);
  } catch (error) {
    say(`no link for the first owner: ${messageOf(error)}; trying again`);
    later(AGAIN_MS, again);
  }
}

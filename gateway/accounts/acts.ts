/** What fans do with their accounts. Each act takes a checked body and resolves with the answer; it throws Problem, or what the library throws. */

import { setTimeout as sleep } from 'node:timers/promises';
import { normaliseAddress } from '../../engine/contract/api/addresses.ts';
import { fieldFault, invalidRequest } from '../../engine/contract/api/problem.ts';
import { permit } from '../../engine/contract/limits/taking.ts';
import { hashPassword, verifyPassword } from '../../engine/contract/passwords/hashing.ts';
import { normalisePassword } from '../../engine/contract/passwords/password-rules.ts';
import type { Locale } from '../../sql/statements/fans/fan-sessions.ts';
import {
  changeFanAddress,
  deleteFan,
  dropUnverifiedPassword,
  type FanRow,
  findFan,
  isResetOpen,
  resetFanPassword,
} from '../../sql/statements/fans/fans.ts';
import type { ActAnswer, ActParts, Asker } from './act-parts.ts';
import { checkPassword, ownAccount } from './attempting.ts';
import type { MailWish } from './attempts.ts';
import type {
  AddressBody,
  CredentialsBody,
  MailRequested,
  PasswordBody,
  ResetBody,
  SignUpBody,
  TokenBody,
} from './contract/contract.ts';
import type { Recipient } from './library/library.ts';
import { libraryCodeOf } from './library/library-errors.ts';
import {
  accountsUnavailable,
  addressFault,
  linkRefused,
  linkUsedTooOften,
  NEW_RESET_LINK,
  NEW_VERIFICATION_LINK,
  passwordFault,
  signedOut,
  tooManyMails,
} from './problems.ts';

const NOTHING: ActAnswer = { status: 204 };

/** 202 whether the address has an account or not, and after much the same work: the library hashes in both cases. */
export async function signUp(parts: ActParts, asker: Asker, body: SignUpBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  const password = readNewPassword(parts, body.password, address);
  const locale = body.locale ?? localeOf(asker.language);
  await withMail(parts, { address, network: asker.network }, async () => {
    await notSooner(begun =>
      parts.hashing.run(
        async () => {
          begun();
          const wanted = { body: { name: '', email: address, password, locale } };
          const made = await parts.library.api.signUpEmail(wanted).catch((error: unknown) => {
            // A lost race for the address, or an outage; the row tells.
            if (libraryCodeOf(error) !== 'FAILED_TO_CREATE_USER') throw error;
          });
          const fan = await findFan(parts.pool, address);
          if (fan === undefined) throw accountsUnavailable();
          // For an address that has an account the library makes an id up.
          if (fan.fanId !== made?.user.id) await signUpAgain(parts, { ...fan, address }, password);
        },
        { network: asker.network, isSignUp: true },
      ),
    );
  });
  return requested(address);
}

/**
 * Somebody has signed up with an address that has an account. If the address is not verified, nobody knows which of the two people reads its
 * e-mails. So neither password is kept: with the first one kept, a verification link that was sent before would confirm the account for the
 * first person. The person who reads the e-mails sets a password by a link that resets it. The same password again means the same person,
 * whose first answer was lost.
 */
async function signUpAgain(
  parts: ActParts,
  fan: FanRow & { readonly address: string },
  password: string,
): Promise<void> {
  const { pool, library, mail } = parts;
  if (fan.isVerified) return mail('exists', fan);
  if (fan.password !== null && (await verifyPassword(fan.password, password))) {
    // Not by the endpoint that sends another, whose half a second this turn at hashing would last as well.
    return mail('verify', fan, await library.verificationToken(fan.fanId, fan.address));
  }
  await dropUnverifiedPassword(pool, fan.fanId);
  sendReset(parts, fan);
}

/** Verifies the address of a sign-up, which may be repeated, or changes the address, which a link does once. */
export async function verifyAddress(parts: ActParts, _asker: Asker, body: TokenBody): Promise<ActAnswer> {
  const { token } = body;
  if (parts.links.isForChange(token)) return await takeNewAddress(parts, token);
  await parts.library.api.verifyEmail({ query: { token }, headers: new Headers() });
  return NOTHING;
}

async function takeNewAddress({ pool, links, mail }: ActParts, token: string): Promise<ActAnswer> {
  const change = links.readChange(token);
  try {
    const locale = change && (await changeFanAddress(pool, change));
    if (change === undefined || locale === undefined) throw linkRefused(NEW_VERIFICATION_LINK);
    mail('address-changed', { address: change.from, locale });
  } catch (error) {
    // Somebody else has signed up with the new address since.
    if (Reflect.get(Object(error), 'code') === '23505') throw linkRefused('Choose another address.');
    throw error;
  }
  return NOTHING;
}

export async function requestVerification(
  parts: ActParts,
  asker: Asker,
  body: AddressBody,
): Promise<ActAnswer> {
  const address = readAddress(body.address);
  await withMail(parts, { address, network: asker.network }, () =>
    parts.library.api.sendVerificationEmail({ body: { email: address }, headers: new Headers() }),
  );
  return requested(address);
}

/** Deletes the account, its sessions and its password. Entries stay, under an id that stands for nobody any more. */
export async function deleteAccount(parts: ActParts, asker: Asker, body: PasswordBody): Promise<ActAnswer> {
  const session = ownAccount(await parts.sessions.require(asker.cookies));
  await checkPassword(parts, asker, session, body.password);
  if (!(await deleteFan(parts.pool, session.fanId, session.credentialVersion))) throw signedOut();
  return { status: 204, cookies: [parts.cookies.clear()] };
}

export async function requestReset(parts: ActParts, asker: Asker, body: AddressBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  const wish = {
    address,
    network: asker.network,
    device: parts.attempts.knownDevice(address, asker.cookies),
  };
  await withMail(parts, { ...wish, isReset: true }, () =>
    notSooner(async begun => {
      begun();
      const fan = await findFan(parts.pool, address);
      if (fan !== undefined) sendReset(parts, { ...fan, address });
    }),
  );
  return requested(address);
}

/**
 * Sets a password by a link, which works once, and ends all sessions. The link proves the address, so it also verifies it, and this
 * browser need not fear that others have used up its attempts.
 */
export async function resetPassword(parts: ActParts, asker: Asker, body: ResetBody): Promise<ActAnswer> {
  const given = readNewPassword(parts, body.password, undefined);
  const grant = parts.links.readReset(body.token);
  if (grant === undefined) throw linkRefused(NEW_RESET_LINK);
  permit(parts.attempts.link(body.token), linkUsedTooOften);
  if (!(await isResetOpen(parts.pool, grant))) throw linkRefused(NEW_RESET_LINK);
  const claimant = { network: asker.network, isKnown: true };
  const password = await parts.hashing.run(() => hashPassword(given), claimant);
  const { address } = grant;
  const reset = await resetFanPassword(parts.pool, { ...grant, password });
  if (reset === undefined) throw linkRefused(NEW_RESET_LINK);
  parts.mail('password-changed', { address, locale: reset.locale });
  return { status: 204, cookies: [parts.attempts.deviceCookie(address, reset.credentialVersion)] };
}

function sendReset(
  { links, mail }: ActParts,
  fan: Recipient & { readonly fanId: string; readonly credentialVersion: string },
): void {
  const { fanId, address, locale, credentialVersion } = fan;
  mail('reset', { address, locale }, links.forReset({ fanId, address, credentialVersion }));
}

/**
 * Has a link sent to the new address, which takes effect when it is opened, and a notice to the present one. Needs the password, because
 * whoever has the address has the account.
 */
export async function changeAddress(
  parts: ActParts,
  asker: Asker,
  body: CredentialsBody,
): Promise<ActAnswer> {
  const session = ownAccount(await parts.sessions.require(asker.cookies));
  const newEmail = readAddress(body.address);
  if (newEmail === session.address) {
    throw invalidRequest([fieldFault('address', newEmail, 'another address than the present one')]);
  }
  // Given back only if no e-mail was sent: the notice is never left out, so it is this that keeps it from flooding an inbox.
  const permitted = permit(parts.attempts.change(session.fanId), tooManyMails);
  await withMail(parts, { address: newEmail, network: asker.network }, async () => {
    await checkPassword(parts, asker, session, body.password);
    const { fanId, address, locale, credentialVersion } = session;
    // A sign-up that was never verified may be anybody's; who opens the link has the address.
    if ((await findFan(parts.pool, newEmail))?.isVerified !== true) {
      const token = parts.links.forChange({ fanId, from: address, to: newEmail, credentialVersion });
      parts.mail('new-address', { address: newEmail, locale }, token);
    }
    parts.mail('address-notice', { address, locale });
  }).catch((error: unknown) => {
    permitted.undo();
    throw error;
  });
  return requested(newEmail);
}

/** The shortest time of an answer that must not tell by its own what was to be done. */
const LEAST_MS = 500;

/**
 * Resolves or rejects like `work`, but not sooner than that after it has called `begun`: what an address without an account saves must not
 * show. A wait for a turn is over by then, so it does not use the time up.
 */
async function notSooner<T>(work: (begun: () => void) => Promise<T>): Promise<T> {
  let least: Promise<void> | undefined;
  const begun = (): void => {
    least = sleep(LEAST_MS);
  };
  const [settled] = await Promise.allSettled([work(begun)]);
  await least;
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

/** Counts a wish for an e-mail, and runs what has it sent. It does not count if that failed: then none was sent. */
async function withMail<T>({ attempts }: ActParts, wish: MailWish, work: () => Promise<T>): Promise<T> {
  const permitted = permit(attempts.mail(wish), tooManyMails);
  try {
    return await work();
  } catch (error) {
    permitted.undo();
    throw error;
  }
}

export function readAddress(given: string): string {
  const address = normaliseAddress(given);
  if (address === undefined) throw invalidRequest([addressFault(given)]);
  return address;
}

function readNewPassword({ rules }: ActParts, given: string, address: string | undefined): string {
  const password = normalisePassword(given);
  const better = rules.refusal(password, address);
  if (better !== undefined) throw invalidRequest([passwordFault(better)]);
  return password;
}

function requested(address: string): ActAnswer {
  const body: MailRequested = { address };
  return { status: 202, body };
}

/** Korean if the browser prefers it to English (RFC 9110, section 12.5.4, by order only). */
export function localeOf(language: string): Locale {
  const first = /\b(ko|en)\b/i.exec(language)?.[1];
  return first?.toLowerCase() === 'ko' ? 'ko' : 'en';
}

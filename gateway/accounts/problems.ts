/** What the routes of accounts refuse. Each problem is made here once; the examples of the OpenAPI document are made of the same. */
import { ADDRESS_EXPECTED } from '../../engine/contract/api/addresses.ts';
import { fieldFault, Problem, tooMany } from '../../engine/contract/api/problem.ts';

/**
 * The single answer to a request without a valid session: expired, revoked, forged, cut, or none at all. It is final: the client asks for
 * a login once and does not try again, and the cookie stays as it is, so nothing races with a login in another tab.
 */
export function signedOut(): Problem {
  return new Problem('signed-out', 'There is no valid session. Log in.', {
    errors: [fieldFault('cookie', undefined, 'the session that POST /v1/accounts/login sets')],
  });
}

/** The same for an address that is not verified, whose password is right: with a sign-up before it, another answer would tell who has an account. */
export function loginRefused(): Problem {
  return new Problem('login-refused', 'No verified account has this address and this password.', {
    errors: [
      fieldFault(
        'address',
        undefined,
        'the address of an account; after a sign-up open the link in the e-mail, which POST /v1/accounts/verification-mail sends again',
      ),
      fieldFault(
        'password',
        undefined,
        'the password of the account; POST /v1/accounts/password-mail resets it',
      ),
    ],
  });
}

export function keptByShop(): Problem {
  return new Problem(
    'kept-by-shop',
    'The shop keeps this account: change or delete it there. POST /v1/accounts/logout-everywhere ends its sessions here, and with them what is known of it.',
  );
}

export function wrongPassword(): Problem {
  return new Problem('wrong-password', 'This needs the password of the account.', {
    errors: [fieldFault('password', undefined, 'the password of the account')],
  });
}

/** Used, too late, changed, or of an account that is gone: which of them is not told, as the remedy is the same. */
export function linkRefused(remedy: string): Problem {
  return new Problem('link-refused', `The link was used, is too old, or its account is gone. ${remedy}`, {
    errors: [fieldFault('token', undefined, 'the token of a link that works')],
  });
}

export const NEW_RESET_LINK = 'POST /v1/accounts/password-mail sends another.';
export const NEW_VERIFICATION_LINK = 'POST /v1/accounts/verification-mail sends another.';

export function unknownSession(): Problem {
  return new Problem('unknown-session', 'You have no session with this id.', {
    errors: [fieldFault('id', undefined, 'the id of a session that GET /v1/accounts/sessions lists')],
  });
}

/** `from`: the header that shows it. */
export function foreignOrigin(from: 'origin' | 'sec-fetch-site', expected: string): Problem {
  return new Problem(
    'foreign-origin',
    'Only pages of this service, and of listed origins, may ask for this.',
    {
      errors: [fieldFault(from, undefined, `${expected}, or a page of an origin that CORS_ORIGINS lists`)],
    },
  );
}

export function tooManyAttempts(waitMs: number): Problem {
  return tooMany(
    'Too many attempts came from this network, or failed for this account. A reset of the password works at once.',
    waitMs,
  );
}

export function tooManyExchanges(waitMs: number): Problem {
  return tooMany('This account logged in too often. Use the session that it has.', waitMs);
}

export function tooManyMails(waitMs: number): Problem {
  return tooMany(
    'Too many e-mails were sent to this address, or requested from this network. Look into the inbox and the spam folder.',
    waitMs,
  );
}

/** The limit is one for the link, no matter who uses it. */
export function linkUsedTooOften(waitMs: number): Problem {
  return tooMany(
    'This link was opened too often in a short time. POST /v1/accounts/password-mail sends another.',
    waitMs,
  );
}

/** Too many wait, as passwords are hashed one after another, or too many came from one network. */
export function tooManyLogins(waitMs = 2_000): Problem {
  return tooMany('Too many people log in at this moment. Retrying is safe.', waitMs);
}

/** Of one client, or in all: a gateway passes no more on before others are answered. */
export function tooManyWaiting(): Problem {
  return tooMany(
    'Too many requests for accounts wait for their answers, from here or in all. Retrying is safe.',
    2_000,
  );
}

export function accountsUnavailable(): Problem {
  return new Problem(
    'unavailable',
    'Accounts cannot be reached right now. Retrying is safe.',
    {},
    { 'retry-after': '1' },
  );
}

export function localNotConfigured(): Problem {
  return new Problem(
    'not-configured',
    'This service keeps no accounts. Log in with your account of the shop.',
    {
      errors: [fieldFault('LOCAL_ACCOUNTS', 'off', 'on, in the settings of the accounts process')],
    },
  );
}

export function accountsNotConfigured(): Problem {
  return new Problem('not-configured', 'This service keeps no accounts: the shop has its own.', {
    errors: [fieldFault('ACCOUNTS_URL', undefined, 'the address of the process that keeps accounts')],
  });
}

/** `setting`: what this process lacks for the login. */
export function shopNotConfigured(setting: string): Problem {
  return new Problem('not-configured', 'This service takes no logins from accounts of the shop.', {
    errors: [
      fieldFault(
        setting,
        undefined,
        "a setting of the process that keeps accounts, for the shop's own accounts",
      ),
    ],
  });
}

export function addressFault(address: string) {
  return fieldFault('address', address, ADDRESS_EXPECTED);
}

/** A password is never shown. */
export function passwordFault(expected: string) {
  return fieldFault('password', undefined, expected);
}

/** What all acts of fans share: who asks, what an act works with, and what it answers. */
import type { PasswordRules } from '../../engine/contract/passwords/password-rules.ts';
import type { AttemptingParts } from './attempting.ts';
import type { Library, Recipient } from './library/library.ts';
import type { Links } from './library/links.ts';
import type { MailKind } from './mail/texts.ts';
import type { TicketMint } from './session/mint-ticket.ts';
import type { SessionCookies } from './session/session-cookie.ts';
import type { Sessions } from './session/sessions.ts';

/** What of a request an act may use. */
export interface Asker {
  /** The Cookie header. */
  readonly cookies: string;
  /** '' if unknown. */
  readonly network: string;
  readonly userAgent: string;
  readonly language: string;
}

export interface ActAnswer {
  readonly status: 200 | 202 | 204;
  readonly body?: object;
  /** Set-Cookie headers. */
  readonly cookies?: readonly string[];
}

export interface ActParts extends AttemptingParts {
  readonly library: Library;
  readonly rules: PasswordRules;
  readonly sessions: Sessions;
  readonly cookies: SessionCookies;
  readonly mint: TicketMint;
  readonly links: Links;
  /** Has an e-mail sent after the answer; `token` is that of its link. */
  readonly mail: (kind: MailKind, to: Recipient, token?: string) => void;
}

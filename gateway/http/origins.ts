/** Origins of pages, as settings name them (RFC 6454, section 6.2). */
import { readOrigin } from '../../engine/contract/identity/settings.ts';

/** More would be a wildcard by other means. */
const MOST_ORIGINS = 100;

export const corsVariables = {
  /**
   * The origins whose pages may call this service with cookies and tickets, and read the answers. An origin too many: its pages act for
   * each fan who opens them. One too few: its pages see network errors only. Gateways and the process of accounts need the same list.
   */
  CORS_ORIGINS: {
    fallback: '',
    right: `a comma-separated list of at most ${MOST_ORIGINS} origins such as https://shop.example.com, each without path or wildcard; http:// only for localhost`,
    secret: false,
    read: readOrigins,
  },
} as const;

function readOrigins(text: string): readonly string[] | undefined {
  if (text === '') return [];
  const origins: string[] = [];
  for (const each of text.split(',')) {
    const origin = readOrigin(each.trim());
    if (origin === undefined) return undefined;
    origins.push(origin);
  }
  return origins.length <= MOST_ORIGINS ? origins : undefined;
}

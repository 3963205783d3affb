/** How the operator log describes changes of campaigns. */
import {
  type Target,
  targetOf,
  type VersionAction,
} from '../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { stockJson } from './stock-json.ts';

/** The operation of the API that requests a version. */
export function operationOf(action: Exclude<VersionAction, 'make'>): string {
  return `${action}Campaign`;
}

/** A version, with the members that it changes: as they were, and as they are now. */
export function versionDetails(
  before: Campaign,
  version: number,
  after: Target & { readonly rulesHash: Buffer | null },
): Readonly<Record<string, unknown>> {
  const { kind, rulesHash } = before;
  const [was, is] = [shown(kind, { ...targetOf(before), rulesHash }), shown(kind, after)];
  const names = Object.keys(is).filter(name => is[name] !== was[name]);
  const of = (all: typeof is) => Object.fromEntries(names.map(name => [name, all[name]]));
  return { version, from: of(was), to: of(is) };
}

/** Under the names of the API. */
function shown(kind: Campaign['kind'], target: Target & { readonly rulesHash: Buffer | null }) {
  const { stage, title, stock, opensAt, closesAt, drawsAt, timeZone, paused, notice, rulesHash } = target;
  const all: Readonly<Record<string, string | number | boolean | null>> = {
    ...{ stage, title, ...stockJson({ kind, stock }), paused, time_zone: timeZone },
    ...{ notice_ko: notice?.ko ?? null, notice_en: notice?.en ?? null },
    opens_at: opensAt.toISOString(),
    closes_at: closesAt.toISOString(),
    draws_at: drawsAt?.toISOString() ?? null,
    rules_hash: rulesHash?.toString('base64url') ?? null,
  };
  return all;
}

import type { KafkaNeed } from '../plan.ts';
import type { ServerName } from './records.ts';

/** The servers that a keeper must bring up; its only argument, as JSON. Contains no secret: others can read it in `ps`. */
export interface KeeperRequest {
  readonly dir: string;
  readonly cacheDir: string;
  readonly servers: readonly ServerName[];
  readonly kafka: KafkaNeed;
  readonly log: string;
  /** Continues after the process that started it has ended. */
  readonly background: boolean;
}

/** What a keeper says on its standard output, one JSON object a line. */
export type KeeperMessage =
  | { readonly type: 'progress'; readonly line: string }
  | { readonly type: 'failed'; readonly message: string; readonly remedy: string }
  | {
      readonly type: 'ready';
      readonly urls: Readonly<Partial<Record<ServerName, string>>>;
      readonly notes: readonly string[];
    };

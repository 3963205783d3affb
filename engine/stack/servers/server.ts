import type { ServerName, ServerRecord } from '../keeping/records.ts';

/** Where a server is prepared and stored. */
export interface Site {
  /** Data, records and logs of this stack. */
  readonly dir: string;
  /** Downloaded programs, shared by all stacks of this checkout. */
  readonly cacheDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the process that wanted the stack has ended. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

/** One kind of private server: how to get its programs, and how to launch, query and stop it. */
export interface ServerKind {
  readonly name: ServerName;
  readonly title: string;
  readonly portCount: number;
  /** The file name of the program that serves. */
  readonly program: RegExp;
  readonly stopSignal: NodeJS.Signals;
  /** Its niceness, 0 to 19; absent: unchanged. */
  readonly niceness?: number;
  /**
   * Finds or downloads the programs; returns how to launch the server on given ports. Throws StackError if they are
   * unavailable.
   */
  prepare(site: Site): Promise<(record: ServerRecord) => Promise<Launch>>;
  /** Returns the version of a running server that is ready. Rejects while it is not, with StackError if it never will be. */
  ask(record: ServerRecord): Promise<string>;
  /** The URL for clients, including the password. */
  url(record: ServerRecord): string;
}

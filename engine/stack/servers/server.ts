import type { ServerName, ServerRecord } from '../keeping/records.ts';

/** Where a server is made and kept. */
export interface Site {
  /** Data, records and logs of this stack. */
  readonly dir: string;
  /** Programs fetched once and shared by every stack of this checkout. */
  readonly cacheDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when whoever wanted the stack is gone. */
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

/** One kind of private server: how its programs are had, how it is launched, asked and stopped. */
export interface ServerKind {
  readonly name: ServerName;
  readonly title: string;
  readonly portCount: number;
  /** The file name of the program that serves. */
  readonly program: RegExp;
  readonly stopSignal: NodeJS.Signals;
  /** How far it gives way to others on the machine (nice, 0 to 19); absent: not at all. */
  readonly niceness?: number;
  /** Finds or fetches the programs. Raises StackError when they cannot be had; answers how to launch on given ports. */
  prepare(site: Site): Promise<(record: ServerRecord) => Promise<Launch>>;
  /** Asks a running server whether it serves; answers its version. Rejects while it doesn't, by StackError if it never will. */
  ask(record: ServerRecord): Promise<string>;
  /** What a client connects with, password included. */
  url(record: ServerRecord): string;
}

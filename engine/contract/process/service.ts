/**
 * What gateway and engine do alike as processes: one line of JSON on standard output when they are ready, a stop in good
 * order on a signal, on the end of their parent, and on nothing else.
 */
import { type Logger, pino } from 'pino';

/**
 * Where the processes log: standard error, written at once. Written in the background, lines that nobody reads any more
 * would keep a process that exits from ever ending.
 */
export const logDestination = pino.destination({ dest: 2, sync: true });

export interface Service {
  readonly port: number;
  /** Finishes what is on its way and closes everything. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** In the ready line: {"ready":"<kind>","port":...,"pid":...}. */
  readonly kind: 'gateway' | 'engine';
  readonly log: Logger;
  /** Starts it; `stopping` is aborted when the process is told to stop meanwhile. */
  readonly start: (stopping: AbortSignal) => Promise<Service>;
}

/** A stop that takes longer is held up by a part that is gone; nothing is lost by ending all the same. */
const STOP_LIMIT_MS = 8_000;

/** Runs the service until it is told to stop; ends the process then. Rejects when it cannot be started. */
export async function runService({ kind, log, start }: ServiceOptions): Promise<void> {
  const stopping = new AbortController();
  let service: Service | undefined;
  const stop = (why: string): void => {
    if (stopping.signal.aborted) return;
    stopping.abort(new Error(why));
    log.info({ why }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    (service?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      (err: unknown) => {
        log.fatal({ err }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (process.env.FAIRLINE_PARENT === 'pipe') {
    // Whoever started this process holds the other end: when they are gone, for whatever reason, so is it.
    process.stdin.on('end', () => stop('the parent process is gone')).resume();
  }
  process.on('unhandledRejection', err => {
    log.fatal({ err }, 'unhandled promise rejection');
    process.exit(1);
  });
  service = await start(stopping.signal);
  process.stdout.write(`${JSON.stringify({ ready: kind, port: service.port, pid: process.pid })}\n`);
}

/**
 * Ends a process whose start failed, with one line of its log, as what reads logs reads lines: each fault on its own in
 * `faults`, where the error names them (a variable, its value, and what would be right); else the error with its stack.
 */
export function failStart(kind: ServiceOptions['kind'], error: unknown): void {
  const log = pino({ name: kind }, logDestination);
  if (error instanceof Error && 'faults' in error) {
    const [what = ''] = error.message.split(':\n');
    log.fatal({ faults: error.faults }, `cannot start: ${what}`);
  } else {
    // Not the error itself: one of Postgres carries the connection, with all that it was opened with.
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    log.fatal({ reason: message, stack }, 'cannot start');
  }
  process.exit(1);
}

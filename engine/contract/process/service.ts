/**
 * What gateway and engine processes have in common: one line of JSON on standard output when they are ready, and an orderly
 * stop on a signal, when their parent ends, and on nothing else.
 */
import { type Logger, pino } from 'pino';

/**
 * The log's destination: standard error, written synchronously. With asynchronous writes, lines that nobody reads any more
 * would keep an exiting process from ending.
 */
export const logDestination = pino.destination({ dest: 2, sync: true });

export interface Service {
  readonly port: number;
  /** Finishes requests in progress and closes everything. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** For the ready line: {"ready":"<kind>","port":...,"pid":...}. */
  readonly kind: 'gateway' | 'engine' | 'accounts';
  readonly log: Logger;
  /** Starts the service; `stopping` is aborted if the process is told to stop meanwhile. */
  readonly start: (stopping: AbortSignal) => Promise<Service>;
}

/** A stop that takes longer is blocked by an unavailable server; ending the process anyway loses nothing. */
const STOP_LIMIT_MS = 8_000;

/** Runs the service until it is told to stop, and then ends the process. Rejects if the service cannot be started. */
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
    // The process that started this one holds the other end: when it is gone, for whatever reason, this one stops.
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
 * Ends a process whose start failed, with one line of its log, because log readers read lines: `faults` lists each fault that
 * the error names (a variable, its value, and what was expected); otherwise the line has the error with its stack.
 */
export function failStart(kind: ServiceOptions['kind'], error: unknown): void {
  const log = pino({ name: kind }, logDestination);
  if (error instanceof Error && 'faults' in error) {
    const [what = ''] = error.message.split(':\n');
    log.fatal({ faults: error.faults }, `cannot start: ${what}`);
  } else {
    // Do not log the error itself: a Postgres error carries the connection, including its credentials.
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    log.fatal({ reason: message, stack }, 'cannot start');
  }
  process.exit(1);
}

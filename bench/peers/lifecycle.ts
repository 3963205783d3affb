/**
 * Prints on standard output, as one JSON line, that this process listens: `{"ready":true,"port":N,"pid":N}`. Then runs
 * `close` and exits on SIGTERM, SIGINT or the end of standard input, so that a peer never outlives the process that started
 * it, even when that one was killed.
 */
export function announce(port: number, close: () => void | Promise<void>): void {
  process.stdout.write(`${JSON.stringify({ ready: true, port, pid: process.pid })}\n`);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    Promise.resolve()
      .then(close)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdin.once('end', stop);
  process.stdin.resume();
}

/**
 * Puts a model in place of an object of a library: a client of Redis or Postgres, or a request or response of uWebSockets.js.
 * The model has what fairline uses. Using anything else throws an error that names it, so a new use in production's code fails
 * loudly instead of giving an odd result.
 */

let tellLack: (lack: Error) => void = () => undefined;

/** Reports what a model lacks: production's code may mistake the error for the server's answer, and go on. */
export function onLack(tell: (lack: Error) => void): void {
  tellLack = tell;
}

/** Keyed by the name of what the model stands for. */
const refusals = new Map<string, object>();

/**
 * Members of the model are found in it; only missing ones are looked up in its prototype, which refuses. A proxy around the
 * model would slow every call down.
 */
export function standIn<T extends object>(what: string, model: Partial<Record<keyof T, unknown>>): T {
  return Object.setPrototypeOf(model, refusalOf(what));
}

function refusalOf(what: string): object {
  let refusal = refusals.get(what);
  if (refusal === undefined) {
    refusal = new Proxy(
      {},
      {
        get(target, name) {
          // A promise that resolves with the model reads its `then`.
          if (!(name in target) && typeof name === 'string' && name !== 'then') {
            const lack = new TypeError(
              `the simulated ${what} has no '${name}': the model in bench/simulate lacks it`,
            );
            tellLack(lack);
            throw lack;
          }
          return Reflect.get(target, name);
        },
      },
    );
    refusals.set(what, refusal);
  }
  return refusal;
}

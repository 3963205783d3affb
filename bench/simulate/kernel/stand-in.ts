/**
 * Puts a model in the place of an object of a library: of a client of Redis or of Postgres, of a request or a response
 * of uWebSockets.js. The model has what fairline uses of it; whatever else is asked for is named in an error, so what
 * is new in the code of production shows itself here rather than as an odd result.
 */

let tellLack: (lack: Error) => void = () => undefined;

/** Has what a model lacks told: production's code may take it for an answer of the server, and go on. */
export function onLack(tell: (lack: Error) => void): void {
  tellLack = tell;
}

/** By the name of what is stood in for. */
const refusals = new Map<string, object>();

/**
 * What the model has is found in it; only what it lacks is looked for in its prototype, which refuses. A proxy around the
 * model would stand in the way of every call.
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
          // A promise that resolves with it looks whether it is one itself.
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

/** For tests: a pool whose statements can be observed and delayed. */
import type { Pool } from '../../sql/database.ts';

/** A pool that calls `onQuery` before each statement, in transactions too. */
export function watched(pool: Pool, onQuery: (text: string) => unknown): Pool {
  const watching = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        if (name === 'query')
          return async (...args: unknown[]): Promise<unknown> => {
            await onQuery(textOf(args[0]));
            return value.apply(of, args);
          };
        return (...args: unknown[]): unknown => {
          const result: unknown = value.apply(of, args);
          if (name !== 'connect' || !(result instanceof Promise)) return result;
          return result.then((client: object) => watching(client));
        };
      },
    });
  return watching(pool);
}

/** The text of a statement, also of a named one. */
function textOf(statement: unknown): string {
  const isNamed = typeof statement === 'object' && statement !== null && 'text' in statement;
  return String(isNamed ? statement.text : statement);
}

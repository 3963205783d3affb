/** Resolves or rejects like `work`, or, if that takes longer than `ms`, like `late`. `work` itself continues. */
export async function withTimeout<T, L>(
  ms: number,
  work: Promise<T>,
  late: () => L | Promise<L>,
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<L>(resolve => {
    timer = setTimeout(() => resolve(Promise.resolve().then(late)), ms);
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

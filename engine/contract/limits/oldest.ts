/**
 * Makes the function that deletes from a map the key that was set first, for maps of bounded size. Keys must be deleted by it or by
 * their owner, and it must be called only while the map has one. One iterator serves all calls: a new one would walk over the slots of
 * all deleted keys again.
 */
export function forgettingOldest<K>(map: Map<K, unknown>): () => void {
  const keys = map.keys();
  return () => {
    const oldest = keys.next();
    if (oldest.done !== true) map.delete(oldest.value);
  };
}

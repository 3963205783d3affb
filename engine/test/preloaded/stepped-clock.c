/*
 * Preloaded into a Redis, adds the content of the file STEPPED_CLOCK to its clock: 8 bytes, microseconds, in the machine's
 * byte order. Writing to the file steps the clock of the running server. Monotonic clocks are unaffected, as when an operator
 * or NTP sets the time. Redis reads its time by these two calls alone. (libfaketime does the same and was tried first: with
 * the jemalloc of Debian's Redis it hangs before main.)
 *
 * It includes nothing, so a compiler without the headers of the C library suffices (../stepped-redis.ts).
 */
typedef long long microseconds;
struct instant {
  long seconds;
  long fraction;
};

extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern void *mmap(void *at, unsigned long bytes, int protection, int flags, int file, long offset);
extern int clock_gettime(int clock, struct instant *now);

enum { CLOCK_REALTIME = 0, O_RDONLY = 0, PROT_READ = 1, MAP_SHARED = 1 };

static const volatile microseconds nothing = 0;
static const volatile microseconds *ahead = (void *)0;

static const volatile microseconds *map_file(void) {
  const char *path = getenv("STEPPED_CLOCK");
  int file = path == (void *)0 ? -1 : open(path, O_RDONLY);
  void *mapped = file < 0 ? (void *)-1 : mmap((void *)0, sizeof(microseconds), PROT_READ, MAP_SHARED, file, 0);
  return mapped == (void *)-1 ? &nothing : mapped;
}

static microseconds now_us(void) {
  struct instant now;
  if (ahead == (void *)0) ahead = map_file();
  clock_gettime(CLOCK_REALTIME, &now);
  return (microseconds)now.seconds * 1000000 + now.fraction / 1000 + *ahead;
}

int gettimeofday(struct instant *told, void *zone) {
  microseconds us = now_us();
  (void)zone;
  told->seconds = us / 1000000;
  told->fraction = us % 1000000;
  return 0;
}

long time(long *told) {
  long seconds = now_us() / 1000000;
  if (told != (void *)0) *told = seconds;
  return seconds;
}

/** Bugs in the clocks of gateways and the engine. */
import type { Mutation } from '../mutation.ts';

export const CLOCK_MUTATIONS: readonly Mutation[] = [
  {
    name: 'the clock gives an instant twice',
    file: 'gateway/clock/clock.ts',
    from: 'const instant = Math.max(this.now(), this.#lastUs + 1);',
    to: 'const instant = this.now();',
    seed: 315,
  },
  {
    name: 'the clock steps back',
    file: 'gateway/clock/clock.ts',
    from: 'return Math.max(this.#lastUs, Math.floor(local + offset));',
    to: 'return Math.floor(local + this.#targetUs);',
    seed: 117,
  },
  {
    name: 'a newcomer stamps with instants from before its registration',
    file: 'gateway/shared/membership.ts',
    from: 'clock.promiseBeyond(registeredUs);',
    to: '',
    seed: 117,
  },
  {
    name: 'a request keeps an instant at or below a promise',
    file: 'gateway/clock/request-start.ts',
    from: 'noted ?? (arrivedUs > promisedUs ? arrivedUs : this.#parts.clock.next())',
    to: 'noted ?? arrivedUs',
  },
  {
    name: 'an instant noted by a proxy is at or below a promise',
    file: 'gateway/clock/proxy-timestamps.ts',
    from: 'Math.max(fromUs, this.#promisedUs + 1)',
    to: 'fromUs',
  },
  {
    name: 'two requests with the same noted instant get the same stamp',
    file: 'gateway/clock/proxy-timestamps.ts',
    from: 'const free = this.#freeFrom(first);',
    to: 'const free = first;',
    seed: 59,
  },
  {
    name: "Redis' clock is accepted, whatever other clocks say",
    file: 'engine/clock/clock-watch.ts',
    from: 'new ClockAgreement(options.stopMs * 1_000)',
    to: 'new ClockAgreement(options.stopMs * 1_000_000)',
  },
  {
    name: "Redis' clock is compared only with the engine's own, which may have stood still",
    file: 'engine/clock/clock-watch.ts',
    from: 'const { nowUs: saidUs, trust } = await readClock(this.#options.pool);',
    to: 'const [saidUs, trust] = await this.#options.redis.time().then(([s, us]) => [Number(s) * 1e6 + Number(us), this.trust]);',
    seed: 784,
  },
  {
    name: "an operator's statement is accepted although the difference has changed since",
    file: 'engine/clock/trust-clock.ts',
    from: '  requireStanding(look, wanted, clocks.stopMs);\n',
    to: '',
    seed: 447,
  },
  {
    name: "no engine follows an operator's statement on the clocks",
    file: 'engine/clock/clock-watch.ts',
    from: 'this.#agreement.trust(acceptedMs * 1_000, ownUs());',
    to: '',
  },
  {
    name: "a finding about Redis' clock from before it was set is applied to what it shows since",
    file: 'gateway/clock/clock.ts',
    from: ' || verdict.reading <= since',
    to: '',
    seed: 446,
  },
  {
    name: 'a request that arrives before the gateway has joined is stamped by a clock that no engine has found right',
    file: 'gateway/http/routes.ts',
    from: 'parts.membership.hasJoined && parts.clockLimits.mayStamp',
    to: 'parts.clockLimits.mayStamp',
    seed: 70_001_518,
  },
  {
    name: 'a newcomer takes the time it saw first for right when Redis shows it again',
    file: 'gateway/shared/membership.ts',
    from: 'if (clock.isContradicted) {',
    to: 'if (clock.isContradicted) return true;\n    if (clock.isContradicted) {',
    seed: 30_075_630,
  },
  {
    name: 'the registry is read beyond the confirmed instant',
    file: 'engine/clock/clock-watch.ts',
    from: 'readRegistry(redis, leases, { confirmedUs })',
    to: 'readRegistry(redis, leases, { confirmedUs: Math.max(confirmedUs, Number.MAX_SAFE_INTEGER) })',
    seed: 784,
  },
];

import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClockAgreement } from './clock-agreement.ts';

const SECOND = 1_000_000;
const LIMIT_US = 50_000;

/** Three clocks that the test sets freely, and a network with delays. */
class Model {
  readonly agreement = new ClockAgreement(LIMIT_US);
  trueUs = 1_900_000_000 * SECOND;
  redisOffUs = 0;
  postgresOffUs = 0;
  /** The rate of the engine's own clock. */
  readonly #rate: number;
  #ownUs = 7_000;

  constructor(ppm = 0) {
    this.#rate = 1 + ppm * 1e-6;
  }

  get ownUs(): number {
    return this.#ownUs;
  }

  pass(us: number): void {
    this.trueUs += us;
    this.#ownUs += us * this.#rate;
  }

  /** The engine's machine is suspended, and its clock with it. */
  standStill(us: number): void {
    this.trueUs += us;
  }

  sample(which: 'redis' | 'postgres', outUs = 200, backUs = 200): void {
    const askedUs = this.#ownUs;
    this.pass(outUs);
    const saidUs = this.trueUs + (which === 'redis' ? this.redisOffUs : this.postgresOffUs);
    this.pass(backUs);
    const reading = { askedUs, answeredUs: this.#ownUs, saidUs };
    if (which === 'redis') this.agreement.sampleRedis(reading);
    else this.agreement.samplePostgres(reading);
  }

  /** For that long, the engine reads both clocks at its usual intervals. */
  goOn(us: number): void {
    for (const untilUs = this.trueUs + us; this.trueUs < untilUs; ) {
      this.sample('redis');
      this.sample('postgres');
      this.look();
      this.pass(100_000);
    }
  }

  look() {
    return this.agreement.look(this.#ownUs);
  }
}

test('confirms no time before both servers have answered', () => {
  const model = new Model();
  equal(model.look().state, 'unknown');
  model.sample('redis');
  equal(model.look().state, 'unknown');
  equal(model.look().confirmedUs, 0);
  model.sample('postgres');
  equal(model.look().state, 'agreed');
});

test('a step of Redis is a contradiction that ends when Redis is back', () => {
  for (const stepUs of [60_000, 5 * SECOND, 120 * SECOND, -5 * SECOND]) {
    const model = new Model();
    model.goOn(3 * SECOND);
    const { confirmedUs } = model.look();
    model.redisOffUs = stepUs;
    model.goOn(30 * SECOND);
    equal(model.look().state, 'apart', `${stepUs}`);
    ok(model.look().confirmedUs <= confirmedUs + LIMIT_US, 'the confirmed time stays');
    const { redisUs = 0, postgresUs = 0, ownUs = 0 } = model.look();
    ok(Math.abs(redisUs - postgresUs - stepUs) < 1_000 && Math.abs(redisUs - ownUs - stepUs) < 10_000);
    model.redisOffUs = 0;
    model.goOn(SECOND);
    equal(model.look().state, 'agreed');
    ok(model.look().confirmedUs > model.trueUs);
  }
});

test('a new engine trusts neither of two contradicting servers', () => {
  const model = new Model();
  model.redisOffUs = 5 * SECOND;
  model.goOn(10 * SECOND);
  equal(model.look().state, 'apart');
  equal(model.look().confirmedUs, 0);
});

test('a stepped PostgreSQL clock is a contradiction as well', () => {
  const model = new Model();
  model.goOn(3 * SECOND);
  model.postgresOffUs = 3_600 * SECOND;
  model.goOn(3 * SECOND);
  equal(model.look().state, 'apart');
});

test('a suspended engine resumes when both servers have agreed for a second', () => {
  const model = new Model();
  model.goOn(3 * SECOND);
  model.standStill(8 * SECOND);
  model.sample('redis');
  equal(model.look().state, 'apart', 'PostgreSQL has not answered since');
  model.sample('postgres');
  equal(model.look().state, 'alone');
  model.goOn(1_200_000);
  equal(model.look().state, 'agreed');
  ok(model.look().confirmedUs > model.trueUs);
});

test('trusts two servers stepped by the same amount only after the operator confirms it', () => {
  const model = new Model();
  model.goOn(3 * SECOND);
  model.redisOffUs = 600 * SECOND;
  model.postgresOffUs = 600 * SECOND;
  model.goOn(30 * SECOND);
  equal(model.look().state, 'alone');
  model.agreement.trust(0, model.ownUs);
  model.goOn(SECOND);
  equal(model.look().state, 'agreed');
  ok(model.look().confirmedUs >= model.trueUs + 600 * SECOND);
});

test('a trusted difference of Redis covers exactly that difference', () => {
  const model = new Model();
  model.goOn(3 * SECOND);
  model.redisOffUs = 120 * SECOND;
  model.goOn(3 * SECOND);
  model.agreement.trust(120 * SECOND, model.ownUs);
  model.goOn(SECOND);
  equal(model.look().state, 'agreed');
  ok(model.look().confirmedUs >= model.trueUs + 120 * SECOND);
  model.redisOffUs = 240 * SECOND;
  model.goOn(3 * SECOND);
  equal(model.look().state, 'apart');
  model.redisOffUs = 0;
  model.goOn(3 * SECOND);
  equal(model.look().state, 'agreed', 'all three agree without the trusted difference');
  ok(model.look().confirmedUs <= model.trueUs + LIMIT_US);
});

const step = fc.record({
  which: fc.constantFrom('redis' as const, 'postgres' as const),
  outUs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 4 * SECOND })),
  backUs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 4 * SECOND })),
  passUs: fc.integer({ min: 0, max: SECOND }),
  stillUs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 * SECOND })),
  setUs: fc.option(fc.integer({ min: -600 * SECOND, max: 600 * SECOND }), { freq: 5, nil: undefined }),
});
const steps = fc.array(step, { maxLength: 120 });
const ppm = fc.integer({ min: -99, max: 99 });

test('confirms no future time, whatever Redis, the network and the machine do', () => {
  fc.assert(
    fc.property(steps, ppm, (all, rate) => {
      const model = new Model(rate);
      for (const { which, outUs, backUs, passUs, stillUs, setUs } of all) {
        if (setUs !== undefined) model.redisOffUs = setUs;
        model.standStill(stillUs);
        model.sample(which, outUs, backUs);
        model.pass(passUs);
        const { confirmedUs } = model.look();
        ok(confirmedUs <= model.trueUs + LIMIT_US, `${confirmedUs - model.trueUs} us ahead`);
      }
    }),
  );
});

test('correct clocks never contradict each other, however slow the network is', () => {
  fc.assert(
    fc.property(steps, ppm, (all, rate) => {
      const model = new Model(rate);
      for (const { which, outUs, backUs, passUs } of all) {
        model.sample(which, outUs, backUs);
        model.pass(passUs);
        const { state } = model.look();
        ok(state === 'agreed' || state === 'unknown', state);
      }
    }),
  );
});

test('resumes by itself when all clocks are correct again', () => {
  fc.assert(
    fc.property(steps, ppm, (all, rate) => {
      const model = new Model(rate);
      model.goOn(SECOND);
      for (const { which, outUs, backUs, passUs, setUs } of all) {
        if (setUs !== undefined) model.redisOffUs = setUs;
        model.sample(which, outUs, backUs);
        model.pass(passUs);
        model.look();
      }
      model.redisOffUs = 0;
      model.goOn(2 * SECOND);
      equal(model.look().state, 'agreed');
    }),
  );
});

test('a trusted difference lasts while it exists, and ends when it vanishes or changes', () => {
  for (const [nextUs, expected] of [
    [0, 'agreed'],
    [130 * SECOND, 'moved'],
    [-120 * SECOND, 'moved'],
  ] as const) {
    const model = new Model();
    model.goOn(SECOND);
    model.redisOffUs = 120 * SECOND;
    model.goOn(3 * SECOND);
    equal(model.agreement.trustState(model.ownUs), 'nothing');
    model.agreement.trust(120 * SECOND, model.ownUs);
    model.goOn(60 * SECOND);
    equal(model.agreement.trustState(model.ownUs), 'stands');
    equal(model.look().state, 'agreed');
    model.redisOffUs = nextUs;
    model.goOn(2 * SECOND);
    equal(model.agreement.trustState(model.ownUs), expected);
    model.agreement.distrust();
    equal(model.agreement.trustState(model.ownUs), 'nothing');
    equal(model.look().state, expected === 'agreed' ? 'agreed' : 'apart');
  }
});

test('a trusted difference survives a suspension and a silent server', () => {
  const model = new Model();
  model.redisOffUs = 120 * SECOND;
  model.goOn(3 * SECOND);
  model.agreement.trust(120 * SECOND, model.ownUs);
  for (let pause = 0; pause < 5; pause++) {
    model.standStill(8 * SECOND);
    model.sample('redis');
    equal(model.agreement.trustState(model.ownUs), 'stands');
    model.goOn(3 * SECOND);
    equal(model.agreement.trustState(model.ownUs), 'stands');
  }
  const deaf = new Model();
  deaf.goOn(3 * SECOND);
  deaf.postgresOffUs = -120 * SECOND;
  deaf.agreement.trust(120 * SECOND, deaf.ownUs);
  deaf.sample('postgres');
  for (let count = 0; count < 50; count++, deaf.pass(SECOND)) deaf.sample('postgres');
  equal(deaf.agreement.trustState(deaf.ownUs), 'stands');
  deaf.postgresOffUs = 0;
  for (let count = 0; count < 50; count++, deaf.pass(SECOND)) deaf.sample('postgres');
  equal(deaf.agreement.trustState(deaf.ownUs), 'stands', 'Redis may have moved too');
});

test('trusts two servers that moved together for the given difference only', () => {
  const model = new Model();
  model.goOn(3 * SECOND);
  model.redisOffUs = 60 * SECOND;
  model.postgresOffUs = 60 * SECOND;
  model.goOn(30 * SECOND);
  equal(model.look().state, 'alone');
  model.agreement.trustBoth(30 * SECOND, model.ownUs);
  equal(model.look().state, 'alone');
  model.agreement.trustBoth(60 * SECOND, model.ownUs);
  equal(model.look().state, 'agreed');
  ok(model.look().confirmedUs > model.trueUs + 59 * SECOND);
});

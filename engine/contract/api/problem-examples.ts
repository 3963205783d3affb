/**
 * Examples of problem documents in the OpenAPI documents. Type, title and status come from the table of problems; an example adds
 * what a request makes of it. Tests compare each with a real answer.
 */
import {
  type FieldFault,
  invalidDetail,
  type ProblemMembers,
  type ProblemSlug,
  problemDocument,
  problems,
} from './problem.ts';

export interface ProblemExample extends ProblemMembers {
  readonly detail: string;
}
export type ProblemExamples = Readonly<Partial<Record<ProblemSlug, ProblemExample>>>;

/** An invalid request with these faults. */
export function invalidExample(errors: readonly FieldFault[]): ProblemExample {
  return { detail: invalidDetail(errors), errors };
}

/** The examples that many operations share, for `components.examples`. */
export function sharedExamples(shared: ProblemExamples): Record<string, object> {
  return Object.fromEntries(
    Object.entries(shared).map(([slug, example]) => [slug, described(slug, example)]),
  );
}

/**
 * The `examples` of an answer, one for each problem that it may be: the operation's own, or a reference to the shared one. Throws
 * for a problem that has neither.
 */
export function examplesOf(
  slugs: readonly ProblemSlug[],
  shared: ProblemExamples,
  own: ProblemExamples = {},
): Record<string, object> {
  return Object.fromEntries(
    slugs.map(slug => {
      const example = own[slug];
      if (example !== undefined) return [slug, described(slug, example)];
      if (shared[slug] === undefined) throw new Error(`no example shows the problem ${slug}`);
      return [slug, { $ref: `#/components/examples/${slug}` }];
    }),
  );
}

function described(slug: string, { detail, ...members }: ProblemExample): object {
  if (!isSlug(slug)) throw new Error(`${slug} is no problem`);
  return { summary: problems[slug].title, value: problemDocument(slug, detail, members) };
}

function isSlug(text: string): text is ProblemSlug {
  return Object.hasOwn(problems, text);
}

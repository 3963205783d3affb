// What the pages of operators share. Each runs it before its own script.
const part = id => document.getElementById(id);

/** Those of the page, in the language that the server has chosen. */
const texts = JSON.parse(part('texts').textContent);

/** The text with its values in place of `{name}`. */
function filled(text, values) {
  return text.replaceAll(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** An answer that is no success: its problem document, undefined if there is none. */
class Refused extends Error {
  constructor(problem, retryAfterS) {
    super(problem?.detail);
    Object.assign(this, { problem, retryAfterS });
  }
}

/** Throws Refused. */
async function ask(path, body) {
  const headers = { 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { headers, body: JSON.stringify(body) };
  let answer;
  let given;
  try {
    answer = await fetch(path, { method: 'POST', ...sent });
    given = await answer.json();
  } catch {
    // No answer, or one of something other than the engine, such as the page of a proxy.
    throw new Refused();
  }
  if (!answer.ok) throw new Refused(given, Number(answer.headers.get('retry-after')));
  return given;
}

/** What to tell a person about it. */
function sentenceOf({ problem, retryAfterS }) {
  const { type, detail, errors = [] } = Object(problem);
  if (typeof type !== 'string') return texts.unreachable;
  const slug = type.replace('urn:fairline:problem:', '');
  const faults = slug === 'invalid-request' ? errors.map(({ field }) => texts.faults[field]) : [];
  const known = [...new Set(faults)].filter(fault => fault !== undefined);
  if (known.length > 0) return known.join(' ');
  if (slug === 'too-many-requests') return filled(texts.tooMany, { seconds: Math.max(1, retryAfterS || 0) });
  const shared = {
    unavailable: texts.unavailable,
    'internal-error': texts.failed,
    'foreign-origin': texts.foreign,
  };
  return texts.refusals[slug] ?? shared[slug] ?? filled(texts.other, { detail });
}

/** Does it, with the buttons off meanwhile, and says what went wrong. */
async function attempt(work) {
  const buttons = [...document.querySelectorAll('button')];
  part('fault').textContent = '';
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    part('fault').textContent = sentenceOf(error);
    // The button may be far below, where nobody would see it.
    part('fault').scrollIntoView({ block: 'nearest' });
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

Object.assign(window, { part, texts, filled, Refused, ask, attempt });

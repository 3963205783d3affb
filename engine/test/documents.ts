/** The project's Markdown files, and what tests check in them: diagrams, links, names of code. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import DOMPurify from 'dompurify';
import mermaid from 'mermaid';
import pg from 'pg';

export interface Page {
  /** Relative to the project. */
  readonly file: string;
  readonly text: string;
}

export interface DiagramBlock {
  readonly line: number;
  readonly text: string;
  /** From a comment just above it, `<!-- states: <where> -->`: the code that names the same states. */
  readonly statesOf: string | undefined;
}

export interface Link {
  /** Absolute; the page itself if the link is only an anchor. */
  readonly target: string;
  /** Without the #; '' for the whole page. */
  readonly anchor: string;
  /** The name in "`name` in [file](link)": text that the file must contain. */
  readonly name: string | undefined;
}

/** The directory of GitHub's own files. */
const FOR_GITHUB = '.github';

/** Every Markdown file, except those of packages and of other directories whose names begin with a dot. */
export function readPages(project: string): readonly Page[] {
  return readdirSync(project, { withFileTypes: true })
    .filter(({ name }) => name === FOR_GITHUB || (name !== 'node_modules' && !name.startsWith('.')))
    .flatMap(entry =>
      entry.isDirectory()
        ? readdirSync(join(project, entry.name), { recursive: true, encoding: 'utf8' }).map(below =>
            join(entry.name, below),
          )
        : [entry.name],
    )
    .filter(file => file.endsWith('.md'))
    .sort()
    .map(file => ({ file, text: readFileSync(join(project, file), 'utf8') }));
}

const BLOCK = /(?:<!-- states: (.+?) -->\n+)?^```mermaid\n(.*?)^```$/gms;

export function diagramsOf({ text }: Page): readonly DiagramBlock[] {
  return [...text.matchAll(BLOCK)].map(({ 1: statesOf, 2: diagram = '', index }) => ({
    line: text.slice(0, index).split('\n').length,
    text: diagram,
    statesOf,
  }));
}

/** Links to files and anchors of the project, without external ones. */
export function linksOf(project: string, { file, text }: Page): readonly Link[] {
  return [...withoutCode(text).matchAll(/(?:`([^`\n]+)` in )?\[[^\]\n]+\]\(([^)\s]+)\)/g)].flatMap(
    ([, name, url = '']) => {
      if (/^[a-z]+:/.test(url)) return [];
      const [path = '', anchor = ''] = url.split('#');
      const target = path === '' ? join(project, file) : resolve(project, dirname(file), path);
      return [{ target, anchor, name }];
    },
  );
}

/** The anchors that GitHub gives to the headings of a page. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '');
}

/** Mermaid cleans labels with browser functions. Nothing is rendered here, so no cleaning is needed. */
Object.assign(DOMPurify, { addHook: () => undefined, sanitize: (text: string) => text });

export interface ParsedDiagram {
  readonly type: string;
  /** The states of a state diagram, without its start and end. */
  readonly states: readonly string[];
}

/** The diagram as Mermaid parses it. Rejects with Mermaid's message if it cannot. */
export async function parseDiagram(text: string): Promise<ParsedDiagram> {
  const { diagramType } = await mermaid.parse(text);
  if (!diagramType.startsWith('state')) return { type: diagramType, states: [] };
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  if (!('getStates' in db) || typeof db.getStates !== 'function') {
    throw new Error('this Mermaid does not tell the states of a diagram');
  }
  const states: ReadonlyMap<string, unknown> = db.getStates();
  return { type: diagramType, states: [...states.keys()].filter(name => !/^root_(start|end)$/.test(name)) };
}

export interface CodeStates {
  readonly names: readonly string[];
  /** The states must be among `names`; otherwise they must be exactly these. */
  readonly isProse: boolean;
}

/**
 * The states that code names. `<file> <Type>`: a union of strings. `<table>.<column> column`: the values that the check
 * constraint of the column allows in the migrated database at `databaseUrl`. `<file> header`: every word of the file's first
 * comment, which describes the states in prose.
 */
export async function statesInCode(project: string, where: string, databaseUrl: string): Promise<CodeStates> {
  const [file = '', what = ''] = where.split(' ');
  if (what === 'column') return { names: await allowedIn(file, databaseUrl), isProse: false };
  const source = readFileSync(join(project, file), 'utf8');
  if (what === 'header') {
    const [header = ''] = /\/\*\*.*?\*\//s.exec(source) ?? [];
    return { names: header.match(/\w+/g) ?? [], isProse: true };
  }
  const [, union] = new RegExp(`export type ${what} =([^;]+);`).exec(source) ?? [];
  if (union === undefined) throw new Error(`${file} has no type ${what}`);
  return { names: [...union.matchAll(/'([^']+)'/g)].map(([, name = '']) => name), isProse: false };
}

async function allowedIn(qualifiedColumn: string, databaseUrl: string): Promise<readonly string[]> {
  const [table = '', column = ''] = qualifiedColumn.split('.');
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ definition: string }>(
      `select pg_get_constraintdef(oid) as definition from pg_constraint
        where conrelid = $1::regclass and contype = 'c'`,
      [table],
    );
    const start = `CHECK ((${column} = ANY (ARRAY[`;
    const [check] = rows.filter(({ definition }) => definition.startsWith(start));
    if (check === undefined)
      throw new Error(`${qualifiedColumn} has no check constraint that lists what it may be`);
    return [...check.definition.matchAll(/'([^']+)'/g)].map(([, name = '']) => name);
  } finally {
    await client.end();
  }
}

/** The path of a file as shown in messages. */
export function shownPath(project: string, path: string): string {
  return relative(project, path);
}

#!/usr/bin/env node
/** Runs the verifier from its TypeScript source, without a build, through tsx. */
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./cli.ts');
process.exitCode = await main(process.argv.slice(2));

// Bundles the page into ../../build/ui (or --out DIR): index.html, the two documents that frame a message, and under
// assets/ what is named by its content and may be kept for ever. `policy` tells gk-webd the Content-Security-Policy of
// each document. With --test the unit tests become plain modules for node --test.

import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const option = name => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const outdir = option('--out') ?? join(here, '../../build/ui');

// What must be fetched before anything is seen: script and style, gzipped.
const FIRST_LOAD_LIMIT = 150 * 1024;

const policies = {
	'/': [
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data: blob:",
		"connect-src 'self'",
		"frame-src 'self'",
		"manifest-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		'trusted-types gkmail',
	],
	'/message.html': messagePolicy('data: blob:'),
	'/message-images.html': messagePolicy('data: blob: https: http:'),
};

// A message's own HTML is put into these documents: nothing runs in them, and only the second fetches, and only images.
function messagePolicy(images) {
	return [
		"default-src 'none'",
		"style-src 'unsafe-inline'",
		`img-src ${images}`,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'self'",
		'sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox',
	];
}

async function bundle() {
	rmSync(outdir, { recursive: true, force: true });
	const result = await build({
		entryPoints: [join(here, 'src/main.tsx')],
		outdir: join(outdir, 'assets'),
		entryNames: '[name]-[hash]',
		chunkNames: '[name]-[hash]',
		bundle: true,
		splitting: true,
		format: 'esm',
		target: ['es2022', 'chrome120', 'firefox121', 'safari17'],
		jsx: 'automatic',
		jsxImportSource: 'preact',
		minify: true,
		legalComments: 'linked',
		metafile: true,
		logLevel: 'warning',
		define: { SOURCE_URL: JSON.stringify(process.env.GKMAIL_SOURCE_URL ?? '') },
	});
	const outputs = Object.entries(result.metafile.outputs);
	const entry = outputs.find(([, o]) => o.entryPoint?.endsWith('main.tsx'));
	if (!entry) throw new Error('no entry point in the bundle');
	const first = [entry[0], ...staticImports(result.metafile.outputs, entry[0])];
	// What is fetched when it is first wanted is not in there by mistake.
	const early = first.flatMap(f =>
		Object.entries(result.metafile.outputs[f].inputs).flatMap(([name, i]) =>
			/\bassistant\//.test(name) && i.bytesInOutput > 0 && !/store\//.test(name) ? [name] : [],
		),
	);
	if (early.length) throw new Error(`at first load already: ${early.join(', ')}`);
	const css = entry[1].cssBundle;
	const icon = `assets/${hashed('icon.svg', readFileSync(join(here, 'static/icon.svg')))}`;
	writeFileSync(join(outdir, icon), readFileSync(join(here, 'static/icon.svg')));
	const fill = text =>
		text
			.replaceAll('{{script}}', `/assets/${basename(entry[0])}`)
			.replaceAll('{{style}}', `/assets/${basename(css)}`)
			.replaceAll('{{icon}}', `/${icon}`);
	for (const name of readdirSync(join(here, 'static')).filter(n => n !== 'icon.svg'))
		writeFileSync(join(outdir, name), fill(readFileSync(join(here, 'static', name), 'utf8')));
	cpSync(join(outdir, 'message.html'), join(outdir, 'message-images.html'));
	writeFileSync(
		join(outdir, 'policy'),
		Object.entries(policies)
			.map(([path, rules]) => `${path} ${rules.join('; ')}\n`)
			.join(''),
	);
	const size = [...first, css].reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
	console.log(`  UI    ${outdir}: ${(size / 1024).toFixed(1)} KiB gzip at first load`);
	if (size > FIRST_LOAD_LIMIT) throw new Error(`more than ${FIRST_LOAD_LIMIT / 1024} KiB at first load`);
}

function hashed(name, content) {
	const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
	return name.replace('.', `-${hash}.`);
}

function staticImports(outputs, file, seen = new Set()) {
	for (const i of outputs[file].imports)
		if (i.kind === 'import-statement' && !seen.has(i.path)) {
			seen.add(i.path);
			staticImports(outputs, i.path, seen);
		}
	return [...seen];
}

async function tests() {
	const out = option('--out') ?? join(here, 'node_modules/.cache/test');
	rmSync(out, { recursive: true, force: true });
	mkdirSync(out, { recursive: true });
	const files = readdirSync(join(here, 'test')).filter(n => n.endsWith('.test.ts') || n === 'serve.ts');
	await build({
		entryPoints: files.map(n => join(here, 'test', n)),
		outdir: out,
		outExtension: { '.js': '.mjs' },
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node18',
		packages: 'external',
		jsx: 'automatic',
		jsxImportSource: 'preact',
		logLevel: 'warning',
	});
}

await (args.includes('--test') ? tests() : bundle());

// HTML of a message, made harmless. Three walls, each enough alone: DOMPurify takes out what could run or load; the
// document it is put into has a policy that runs nothing and fetches nothing (build.mjs); the frame is sandboxed without
// scripts. The Trusted Types policy never leaves this file, so no other code of the page can turn text into HTML.

import DOMPurify, { type Config } from 'dompurify';

interface PolicyFactory {
	createPolicy(name: string, rules: Record<string, (s: string) => string>): unknown;
}

const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
const policy = factory?.createPolicy('gkmail', { createHTML: s => s, createScriptURL: () => '' });

export interface Clean {
	fragment: DocumentFragment;
	// It would load something from elsewhere.
	remote: boolean;
	// It brings colours of its own, hence wants the paper it was written on.
	coloured: boolean;
}

const CONFIG: Config = {
	USE_PROFILES: { html: true },
	FORBID_TAGS: [
		'form',
		'input',
		'button',
		'select',
		'option',
		'textarea',
		'label',
		'fieldset',
		'video',
		'audio',
		'source',
		'track',
		'picture',
		'dialog',
		'template',
		'slot',
		'map',
		'area',
		'progress',
		'meter',
	],
	FORBID_ATTR: [
		'srcset',
		'ping',
		'autofocus',
		'tabindex',
		'accesskey',
		'contenteditable',
		'popover',
		'is',
		'slot',
	],
	ALLOW_DATA_ATTR: false,
	ALLOW_ARIA_ATTR: false,
	// cid: is replaced by the part itself; data: only for pictures, below.
	ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|cid:|data:image\/)/i,
	// The rule for addresses is asked of every attribute but these: what mail lays out its tables with.
	ADD_URI_SAFE_ATTR: [
		...[
			'align',
			'bgcolor',
			'border',
			'bordercolor',
			'cellpadding',
			'cellspacing',
			'clear',
			'color',
			'colspan',
		],
		...['compact', 'data-cid', 'datetime', 'dir', 'face', 'headers', 'height', 'hidden', 'hspace', 'lang'],
		...['noshade', 'nowrap', 'open', 'rel', 'reversed', 'rowspan', 'rules', 'scope', 'size', 'span', 'start'],
		...['target', 'type', 'valign', 'vspace', 'width'],
	],
	SANITIZE_NAMED_PROPS: true,
	RETURN_DOM_FRAGMENT: true,
	...(policy ? { TRUSTED_TYPES_POLICY: policy as never } : {}),
};

// Opens the body, so that a style sheet at the beginning stays and no frameset takes the body's place (HTML 13.2.6.4.7).
const BEGIN = '<wbr>';

const REMOTE_CSS = /url\s*\(|@import|image-set|\\/i;
const COLOUR_CSS = /(?:^|[;{\s"])(?:background(?:-color|-image)?|color)\s*:/i;

export function cleanMessage(html: string, images: boolean): Clean {
	let remote = false;
	let coloured = false;
	const purify = DOMPurify;
	purify.removeAllHooks();
	purify.addHook('uponSanitizeElement', (node, data) => {
		if (data.tagName !== 'style') return;
		const css = node.textContent ?? '';
		if (COLOUR_CSS.test(css)) coloured = true;
		if (REMOTE_CSS.test(css)) {
			remote = true;
			if (!images) node.textContent = withoutUrls(css);
		}
	});
	purify.addHook('afterSanitizeAttributes', node => {
		if (!(node instanceof Element)) return;
		if (node.tagName === 'A') cleanLink(node);
		const src = node.getAttribute('src');
		if (src !== null) {
			if (/^cid:/i.test(src)) {
				node.setAttribute('data-cid', src.slice(4).replace(/^<|>$/g, ''));
				node.removeAttribute('src');
			} else if (!/^data:image\//i.test(src)) {
				remote = true;
				if (!images || node.tagName !== 'IMG') node.removeAttribute('src');
				else {
					node.setAttribute('referrerpolicy', 'no-referrer');
					node.setAttribute('loading', 'lazy');
				}
			}
		}
		if (node.hasAttribute('background')) {
			coloured = true;
			remote = true;
			if (!images) node.removeAttribute('background');
		}
		if (node.hasAttribute('bgcolor') || node.hasAttribute('color') || node.hasAttribute('text'))
			coloured = true;
		const style = node.getAttribute('style');
		if (style !== null) {
			if (COLOUR_CSS.test(style)) coloured = true;
			if (REMOTE_CSS.test(style)) {
				remote = true;
				if (!images) node.setAttribute('style', withoutUrls(style));
			}
		}
	});
	const fragment = purify.sanitize(BEGIN + html, CONFIG) as unknown as DocumentFragment;
	purify.removeAllHooks();
	fragment.firstElementChild?.remove();
	return { fragment, remote, coloured };
}

// An escape could hide the word; a declaration with one goes whole.
function withoutUrls(css: string): string {
	return css
		.split(/([;{}])/)
		.map(part => (part.includes('\\') ? '' : part))
		.join('')
		.replace(/@import[^;]*;?/gi, '')
		.replace(/(?:-webkit-)?image-set\s*\([^)]*\)*/gi, 'none')
		.replace(/url\s*\([^)]*\)?/gi, 'none');
}

function cleanLink(a: Element) {
	const href = a.getAttribute('href') ?? '';
	if (!/^(?:https?:|mailto:|tel:)/i.test(href)) a.removeAttribute('href');
	a.setAttribute('target', '_blank');
	a.setAttribute('rel', 'noopener noreferrer');
}

// What may be written and pasted in the editor and quoted in a reply: structure, emphasis, links, pictures by reference.
export function cleanDraft(html: string): DocumentFragment {
	DOMPurify.removeAllHooks();
	DOMPurify.addHook('afterSanitizeAttributes', node => {
		if (!(node instanceof Element)) return;
		const src = node.getAttribute('src');
		if (src !== null && !/^(?:data:image\/|blob:)/i.test(src)) {
			node.removeAttribute('src');
			// Named by its part; the page fetches it (lib/inline.ts).
			if (/^cid:/i.test(src)) node.setAttribute('data-cid', src.slice(4));
		}
		if (node.tagName === 'A') cleanLink(node);
	});
	const fragment = DOMPurify.sanitize(BEGIN + html, {
		...CONFIG,
		ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|cid:|blob:|data:image\/)/i,
		FORBID_TAGS: [...(CONFIG.FORBID_TAGS ?? []), 'style', 'font', 'center'],
		ADD_ATTR: ['data-cid'],
		FORBID_ATTR: [...(CONFIG.FORBID_ATTR ?? []), 'style', 'class', 'id', 'background', 'bgcolor', 'color'],
	}) as unknown as DocumentFragment;
	DOMPurify.removeAllHooks();
	fragment.firstElementChild?.remove();
	return fragment;
}

// The words of HTML, for quoting and for the text beside it.
export function htmlToText(html: string): string {
	return textOf(cleanDraft(html))
		.split('\n')
		.map(line => line.trimEnd())
		.join('\n');
}

const BLOCK = /^(P|DIV|UL|OL|LI|BLOCKQUOTE|PRE|H[1-6]|TABLE|TR|HR|SECTION|ARTICLE|HEADER|FOOTER)$/;

export function textOf(node: Node): string {
	let out = '';
	const newline = () => {
		if (out && !out.endsWith('\n')) out += '\n';
	};
	for (const child of node.childNodes) {
		if (child.nodeType === Node.TEXT_NODE) {
			out += (child.textContent ?? '').replace(/[\s]+/g, ' ');
			continue;
		}
		if (!(child instanceof Element)) continue;
		const tag = child.tagName;
		if (tag === 'BR') out += '\n';
		else if (tag === 'HR') {
			newline();
			out += '---\n';
		} else if (tag === 'PRE') {
			newline();
			out += (child.textContent ?? '') + '\n';
		} else if (tag === 'BLOCKQUOTE') {
			newline();
			out += textOf(child).trimEnd().replace(/^/gm, '> ').replace(/^> >/gm, '>>') + '\n';
		} else if (tag === 'LI') {
			newline();
			const ordered = child.parentElement?.tagName === 'OL';
			const number = ordered ? [...child.parentElement!.children].indexOf(child) + 1 : 0;
			out += (ordered ? `${number}. ` : '- ') + textOf(child).trim() + '\n';
		} else if (BLOCK.test(tag)) {
			newline();
			const inner = textOf(child);
			out += inner.endsWith('\n') ? inner : inner + '\n';
			if (tag === 'P' || tag.startsWith('H')) out += '\n';
		} else if (tag === 'A') {
			const text = textOf(child);
			const href = child.getAttribute('href') ?? '';
			out += text && href && !href.includes(text.trim()) && /^http/i.test(href) ? `${text} <${href}>` : text;
		} else out += textOf(child);
	}
	return out.replace(/\u00a0/g, ' ');
}

// In a document of its own, in which no picture is fetched.
export function htmlOf(fragment: DocumentFragment | Element): string {
	const box = document.implementation.createHTMLDocument('').body;
	for (const n of [...fragment.childNodes]) box.append(n.cloneNode(true));
	return box.innerHTML;
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escapeHtml = (text: string) => text.replace(/[&<>"]/g, c => escapes[c]!);
export const textToHtml = (text: string) =>
	text
		.split('\n')
		.map(line => `<div>${escapeHtml(line) || '<br>'}</div>`)
		.join('');

// The editor's own content as it was a step ago, with the hidden marks by which it finds the selection again.
export function restoreDraft(html: string): DocumentFragment {
	DOMPurify.removeAllHooks();
	DOMPurify.addHook('uponSanitizeElement', (node, data) => {
		if (data.tagName === 'input' && (node as Element).getAttribute('type') !== 'hidden')
			(node as Element).remove();
	});
	return DOMPurify.sanitize(html, {
		...CONFIG,
		ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|cid:|blob:|data:image\/)/i,
		FORBID_TAGS: ['style', 'form', 'video', 'audio', 'template'],
		ADD_ATTR: ['data-cid'],
		SANITIZE_NAMED_PROPS: false,
	}) as unknown as DocumentFragment;
}

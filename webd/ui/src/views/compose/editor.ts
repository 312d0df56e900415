// The rich text editor: Squire, made to go through our sanitiser for everything that becomes HTML. Loaded when first needed.

import SquireEditor from 'squire-rte';
import { cleanDraft, htmlOf, restoreDraft } from '../../lib/sanitize';

export interface Editor {
	html(): string;
	// As it stands in the page: only to tell whether something changed.
	raw(): string;
	setHtml(html: string): void;
	focus(): void;
	format(what: Format): void;
	has(what: Format): boolean;
	link(url: string): void;
	selectedLink(): string;
	insertImage(url: string, cid: string): void;
	destroy(): void;
}

export type Format = 'bold' | 'italic' | 'underline' | 'bullets' | 'numbers' | 'quote' | 'code' | 'plain';

interface Handlers {
	input(): void;
	selection(): void;
	images(files: File[]): void;
}

const TAG: Record<Format, string> = {
	bold: 'B',
	italic: 'I',
	underline: 'U',
	bullets: 'UL',
	numbers: 'OL',
	quote: 'BLOCKQUOTE',
	code: 'CODE',
	plain: '',
};

export function createEditor(root: HTMLElement, on: Handlers): Editor {
	const squire = new SquireEditor(root, {
		blockTag: 'DIV',
		sanitizeToDOMFragment: (html: string) => document.importNode(cleanDraft(html), true),
		didError: () => {},
	} as never);
	const raw = squire as unknown as { _setRawHTML(html: string): unknown; _ignoreChange: boolean };
	// Squire's own way is innerHTML, which Trusted Types forbid.
	raw._setRawHTML = html => {
		root.replaceChildren(document.importNode(restoreDraft(html), true));
		if (!root.firstChild) root.append(squire.createDefaultBlock());
		raw._ignoreChange = true;
		return squire;
	};
	squire.addEventListener('input', on.input);
	squire.addEventListener('pathChange', on.selection);
	squire.addEventListener('pasteImage', e => {
		const data = (e as CustomEvent<{ clipboardData?: DataTransfer }>).detail?.clipboardData;
		const files = [...(data?.files ?? [])].filter(f => f.type.startsWith('image/'));
		if (files.length) on.images(files);
	});
	const has = (what: Format) => what !== 'plain' && squire.hasFormat(TAG[what]);
	const toggle: Record<Format, () => void> = {
		bold: () => (has('bold') ? squire.removeBold() : squire.bold()),
		italic: () => (has('italic') ? squire.removeItalic() : squire.italic()),
		underline: () => (has('underline') ? squire.removeUnderline() : squire.underline()),
		bullets: () => (has('bullets') ? squire.removeList() : squire.makeUnorderedList()),
		numbers: () => (has('numbers') ? squire.removeList() : squire.makeOrderedList()),
		quote: () => (has('quote') ? squire.decreaseQuoteLevel() : squire.increaseQuoteLevel()),
		code: () => squire.toggleCode(),
		plain: () => squire.removeAllFormatting(),
	};
	return {
		html: () => htmlOf(cleanDraft(squire.getHTML())),
		raw: () => root.innerHTML,
		setHtml: html => {
			squire.setHTML(html);
			squire.moveCursorToStart();
		},
		focus: () => void squire.focus(),
		format: what => {
			toggle[what]();
			squire.focus();
			on.selection();
		},
		has,
		link: url => {
			if (url) squire.makeLink(url);
			else squire.removeLink();
			squire.focus();
		},
		selectedLink: () => {
			const node = squire.getSelection().startContainer;
			const at = node instanceof Element ? node : node.parentElement;
			return at?.closest('a')?.getAttribute('href') ?? '';
		},
		insertImage: (url, cid) => {
			squire.insertImage(url, { 'data-cid': cid, alt: '' });
		},
		destroy: () => squire.destroy(),
	};
}

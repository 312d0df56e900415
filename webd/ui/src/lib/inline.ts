// Pictures that came with a message (cid:, RFC 2392), fetched by the page and shown as blobs: an element that loads one by
// itself would have to be let load more.

// `url` says where a part is; `shown` is told of each that has come. What is returned lets go of them.
export function showInline(
	root: ParentNode,
	url: (cid: string) => string | undefined,
	shown: () => void = () => {},
): () => void {
	const made: string[] = [];
	let off = false;
	const load = async (img: HTMLImageElement, from: string) => {
		const r = await fetch(from);
		if (!r.ok) return;
		const blob = await r.blob();
		if (off || !img.isConnected) return;
		const u = URL.createObjectURL(blob);
		made.push(u);
		img.src = u;
		shown();
	};
	for (const img of root.querySelectorAll<HTMLImageElement>('img[data-cid]:not([src])')) {
		const from = url(decode(img.getAttribute('data-cid') ?? ''));
		if (from) load(img, from).catch(() => {});
	}
	return () => {
		off = true;
		for (const u of made) URL.revokeObjectURL(u);
	};
}

function decode(cid: string): string {
	try {
		return decodeURIComponent(cid);
	} catch {
		return cid;
	}
}

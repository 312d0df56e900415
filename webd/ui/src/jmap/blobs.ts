// Octets: up with progress, down by address (RFC 8620 6).

import { LoggedOut, ConnectionError, RequestError } from './errors';
import type { Id, Session } from './types';

export interface Uploaded {
	blobId: Id;
	type: string;
	size: number;
}

export interface Upload {
	done: Promise<Uploaded>;
	abort(): void;
}

export function upload(
	session: Session,
	accountId: Id,
	file: Blob,
	progress: (part: number) => void,
): Upload {
	const xhr = new XMLHttpRequest();
	const done = new Promise<Uploaded>((resolve, reject) => {
		xhr.open('POST', session.uploadUrl.replace('{accountId}', encodeURIComponent(accountId)));
		xhr.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
		xhr.upload.onprogress = e => e.lengthComputable && progress(e.loaded / e.total);
		xhr.onload = () => {
			if (xhr.status === 401) reject(new LoggedOut());
			else if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText) as Uploaded);
			else reject(new RequestError({ type: 'about:blank', status: xhr.status, title: xhr.statusText }));
		};
		xhr.onerror = () => reject(new ConnectionError());
		xhr.onabort = () => reject(new ConnectionError());
		xhr.send(file);
	});
	done.catch(() => {});
	return { done, abort: () => xhr.abort() };
}

export function downloadUrl(session: Session, accountId: Id, blobId: Id, type: string, name: string): string {
	const values: Record<string, string> = {
		accountId,
		blobId,
		type,
		name: name.replace(/[/\\]/g, '_') || 'file',
	};
	return session.downloadUrl.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(values[key] ?? ''));
}

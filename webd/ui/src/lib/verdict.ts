// What our own server found out about the sender (RFC 8601). Only the topmost field is ours; others came with the message.

export interface Verdict {
	// unproven: it was looked at, and nothing spoke for it.
	state: 'pass' | 'fail' | 'unproven' | 'none';
	how: string[];
}

export function verdict(fields: string[] | undefined): Verdict {
	// Ours is short; what a stranger wrote in its place is not worth more.
	const first = fields?.[0]?.slice(0, 4096);
	if (!first) return { state: 'none', how: [] };
	const results = new Map<string, string>();
	for (const m of first.replace(/\([^)]*\)/g, ' ').matchAll(/\b(spf|dkim|dmarc|auth)\s*=\s*([a-z]+)/gi)) {
		const method = m[1]!.toLowerCase();
		if (results.get(method) !== 'pass') results.set(method, m[2]!.toLowerCase());
	}
	const how = [...results].filter(([, r]) => r === 'pass').map(([m]) => m.toUpperCase());
	if (results.get('dmarc') === 'fail') return { state: 'fail', how };
	if (results.get('dmarc') === 'pass' || results.get('auth') === 'pass') return { state: 'pass', how };
	// Without DMARC a signature or a permitted host still says something; a failure of either alone does not condemn.
	return { state: how.length ? 'pass' : results.size ? 'unproven' : 'none', how };
}

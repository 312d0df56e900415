// An error in words: what happened and, where there is something, what to do.

import { AuthError } from '../auth';
import { ConnectionError, MethodError, ObjectError, RequestError } from '../jmap/errors';
import { words } from './index';

export function explain(e: Error): string {
	const w = words.value.errors;
	if (e instanceof ConnectionError) return w.connection;
	if (e instanceof AuthError) return e.status === 0 ? words.value.noServer : e.message;
	if (e instanceof RequestError) {
		if (e.problem.status === 429 || e.problem.limit === 'maxConcurrentRequests') return w.rateLimit;
		if (e.problem.status === 413 || e.problem.limit) return w.tooLarge;
		return (e.problem.status ?? 500) >= 500 ? w.server : w.invalid;
	}
	if (e instanceof ObjectError || e instanceof MethodError) return byType(e.type, e.message);
	return w.other(e.message);
}

function byType(type: string, message: string): string {
	const w = words.value.errors;
	switch (type) {
		case 'forbidden':
		case 'forbiddenToSend':
		case 'accountReadOnly':
			return w.forbidden;
		case 'forbiddenFrom':
		case 'forbiddenMailFrom':
			return w.forbiddenFrom;
		case 'notFound':
		case 'emailNotFound':
		case 'blobNotFound':
			return w.notFound;
		case 'overQuota':
			return w.overQuota;
		case 'tooLarge':
		case 'requestTooLarge':
			return w.tooLarge;
		case 'rateLimit':
			return w.rateLimit;
		case 'stateMismatch':
			return w.stateMismatch;
		case 'mailboxHasChild':
			return w.mailboxHasChild;
		case 'alreadyExists':
			return w.mailboxExists;
		case 'invalidRecipients':
			return w.invalidRecipients;
		case 'noRecipients':
			return w.noRecipients;
		case 'tooManyRecipients':
			return w.tooManyRecipients;
		case 'cannotUnsend':
			return w.cannotUnsend;
		case 'serverFail':
		case 'serverUnavailable':
		case 'serverPartialFail':
			return w.server;
		default:
			return w.other(message || type);
	}
}

// What can go wrong between the page and its server, so that the views can say it in words.

import type { Problem, SetError } from './types';

// A method answered "error" (RFC 8620 3.6.2).
export class MethodError extends Error {
	constructor(
		readonly type: string,
		readonly description = '',
	) {
		super(`${type} ${description}`.trim());
	}
}

// The whole request was refused (RFC 8620 3.6.1).
export class RequestError extends Error {
	constructor(readonly problem: Problem) {
		super(problem.detail || problem.title || problem.type);
	}
}

// One object of a /set was refused.
export class ObjectError extends Error {
	readonly type: string;
	readonly properties: string[];
	constructor(e: SetError) {
		super(e.description || e.type);
		this.type = e.type;
		this.properties = e.properties ?? [];
	}
}

// No answer: nobody knows whether the server has done it.
export class ConnectionError extends Error {
	constructor() {
		super('connection lost');
	}
}

export class LoggedOut extends Error {
	constructor() {
		super('logged out');
	}
}

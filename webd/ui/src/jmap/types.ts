// The objects of RFC 8620 and RFC 8621 that the page reads and writes, by the names they have there.

export type Id = string;

export interface Session {
	capabilities: Record<string, Record<string, unknown>>;
	accounts: Record<Id, Account>;
	primaryAccounts: Record<string, Id>;
	username: string;
	apiUrl: string;
	downloadUrl: string;
	uploadUrl: string;
	eventSourceUrl: string;
	state: string;
}

export interface Account {
	name: string;
	isPersonal: boolean;
	isReadOnly: boolean;
	accountCapabilities: Record<string, Record<string, unknown>>;
}

export type Args = Record<string, unknown>;
export type Invocation = [name: string, args: Args, callId: string];

export interface Request {
	using: string[];
	methodCalls: Invocation[];
}

export interface Response {
	methodResponses: Invocation[];
	sessionState: string;
}

export interface ResultReference {
	resultOf: string;
	name: string;
	path: string;
}

export interface StateChange {
	'@type': 'StateChange';
	changed: Record<Id, Record<string, string>>;
	pushState?: string;
}

// RFC 7807, as RFC 8620 3.6.1 uses it.
export interface Problem {
	type: string;
	status?: number;
	title?: string;
	detail?: string;
	limit?: string;
	code?: string; // gk-webd's own
}

export interface SetError {
	type: string;
	description?: string;
	properties?: string[];
}

export interface GetResponse<T> {
	accountId: Id;
	state: string;
	list: T[];
	notFound: Id[];
}

export interface ChangesResponse {
	oldState: string;
	newState: string;
	hasMoreChanges: boolean;
	created: Id[];
	updated: Id[];
	destroyed: Id[];
	updatedProperties?: string[] | null;
}

export interface SetResponse<T = Record<string, unknown>> {
	oldState: string | null;
	newState: string;
	created?: Record<string, T & { id: Id }> | null;
	updated?: Record<Id, Partial<T> | null> | null;
	destroyed?: Id[] | null;
	notCreated?: Record<string, SetError> | null;
	notUpdated?: Record<Id, SetError> | null;
	notDestroyed?: Record<Id, SetError> | null;
}

export interface QueryResponse {
	queryState: string;
	canCalculateChanges: boolean;
	position: number;
	ids: Id[];
	total?: number;
}

export interface QueryChangesResponse {
	oldQueryState: string;
	newQueryState: string;
	total?: number;
	removed: Id[];
	added: { id: Id; index: number }[];
}

export interface Mailbox {
	id: Id;
	name: string;
	parentId: Id | null;
	role: string | null;
	sortOrder: number;
	totalEmails: number;
	unreadEmails: number;
	totalThreads: number;
	unreadThreads: number;
	myRights: Record<string, boolean>;
	isSubscribed: boolean;
}

export interface Thread {
	id: Id;
	emailIds: Id[];
}

export interface EmailAddress {
	name: string | null;
	email: string;
}

export interface BodyPart {
	partId: string | null;
	blobId: Id | null;
	size: number;
	name: string | null;
	type: string;
	charset?: string | null;
	disposition: string | null;
	cid: string | null;
	location?: string | null;
}

export interface BodyValue {
	value: string;
	isEncodingProblem?: boolean;
	isTruncated?: boolean;
}

// What a row of a list needs; always there.
export interface Email {
	id: Id;
	threadId: Id;
	mailboxIds: Record<Id, boolean>;
	keywords: Record<string, boolean>;
	from: EmailAddress[] | null;
	to: EmailAddress[] | null;
	subject: string | null;
	receivedAt: string;
	preview: string;
	hasAttachment: boolean;
	size: number;
}

// What showing one needs besides.
export interface EmailBody {
	id: Id;
	blobId: Id;
	messageId: string[] | null;
	inReplyTo: string[] | null;
	references: string[] | null;
	sender: EmailAddress[] | null;
	replyTo: EmailAddress[] | null;
	cc: EmailAddress[] | null;
	bcc: EmailAddress[] | null;
	sentAt: string | null;
	bodyValues: Record<string, BodyValue>;
	textBody: BodyPart[];
	htmlBody: BodyPart[];
	attachments: BodyPart[];
	'header:Authentication-Results:asText:all'?: string[];
	'header:List-Id:asText'?: string | null;
	'header:List-Unsubscribe:asURLs'?: string[] | null;
}

export interface Identity {
	id: Id;
	name: string;
	email: string;
	replyTo: EmailAddress[] | null;
	bcc: EmailAddress[] | null;
	textSignature: string;
	htmlSignature: string;
	mayDelete: boolean;
}

export interface VacationResponse {
	id: 'singleton';
	isEnabled: boolean;
	fromDate: string | null;
	toDate: string | null;
	subject: string | null;
	textBody: string | null;
	htmlBody: string | null;
}

// Ours (docs/adr/0033-preferences.md); null: never chosen.
export interface Preferences {
	id: 'singleton';
	theme: string | null;
	accent: string | null;
	density: string | null;
	language: string | null;
	undoSeconds: number | null;
	assistant: boolean | null;
	imagesFrom: Record<string, true>;
}

// Ours (docs/adr/0032-agents-and-approvals.md): what an agent asks for and a human answers.
export interface Approval {
	id: Id;
	// approved: it is under way. failed: it would have to be asked for again.
	state: 'requested' | 'approved' | 'sent' | 'done' | 'refused' | 'expired' | 'failed';
	action: string | null;
	agent: string;
	session: string;
	requestedAt: string;
	// Of a send: the draft, and to whom.
	emailId: Id | null;
	envelope: { mailFrom: { email: string }; rcptTo: { email: string }[] } | null;
	subject: string | null;
	// Of another action: exactly what it does, and what makes its digest one of its own.
	what?: ActionWhat | null;
	nonce?: string | null;
	outcome?: { done: number; failed: number } | null;
	// Why it was not done the last time.
	error?: string | null;
	digest: string;
	size: number | null;
	// Values that came from the text of mail.
	origins?: Origin[] | null;
	// The frozen message in base64, where it was asked for.
	octets?: string;
}

export interface ActionWhat {
	emailIds?: Id[];
	destroy?: boolean;
	mailboxId?: Id | null;
	mailboxName?: string | null;
	isEnabled?: boolean;
	fromDate?: string | null;
	toDate?: string | null;
	subject?: string | null;
	textBody?: string | null;
	htmlBody?: string | null;
}

export interface Origin {
	value: string;
	emailId: Id | null;
	where: string;
}

export interface SearchSnippet {
	emailId: Id;
	subject: string | null;
	preview: string | null;
}

export const CORE = 'urn:ietf:params:jmap:core';
export const MAIL = 'urn:ietf:params:jmap:mail';
export const SUBMISSION = 'urn:ietf:params:jmap:submission';
export const VACATION = 'urn:ietf:params:jmap:vacationresponse';
export const WEBSOCKET = 'urn:ietf:params:jmap:websocket';
export const APPROVAL = 'urn:x-gkmail:approval';
export const AGENTS = 'urn:x-gkmail:agents';
export const TRACE = 'urn:x-gkmail:trace';
export const PREFERENCES = 'urn:x-gkmail:preferences';

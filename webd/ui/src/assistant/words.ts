// The words of the assistant, the approval card and the settings of agents, which are loaded with them.

import { computed } from '@preact/signals';
import { language } from '../i18n';

const en = {
	// The pane
	ask: 'Ask something about your mail',
	send: 'Ask',
	stop: 'Stop',
	fresh: 'New conversation',
	log: 'Conversation with the assistant',
	hello: 'What can I do for you?',
	helloText: 'I find, sort, summarise and draft. Nothing is sent without you having seen it.',
	ideas: ['List my unread mail', 'Search mail from ', 'How many messages came this week?'],
	ideasOpen: ['Summarise this message', 'Draft a reply to this message'],
	you: 'You asked:',
	thinking: 'Working on it…',
	where: {
		builtin: 'Built in: understands requests without a model. Nothing leaves this server.',
		local: (model: string) => `${model}, on this server. Nothing leaves it.`,
		remote: (model: string) => `${model}. What you ask, and the mail it is about, is sent to another host.`,
	},
	whereShort: {
		builtin: 'Built in, on this server',
		local: (model: string) => `${model}, on this server`,
		remote: (model: string) => `${model}, on another host`,
	},
	answersBy: 'Answered by',
	away: 'The assistant cannot be reached. Trying again…',
	none: 'This server has no assistant.',
	connecting: 'Connecting…',
	retry: 'Try again',

	// Tools
	tools: {
		list_mailboxes: 'Looked at the folders',
		list_threads: 'Listed conversations',
		search: 'Searched',
		read_message: 'Read a message',
		read_thread: 'Read a conversation',
		read_attachment_text: 'Read an attachment',
		flag: 'Changed marks',
		move: 'Moved messages',
		create_draft: 'Wrote a draft',
		update_draft: 'Changed a draft',
		delete_draft: 'Discarded a draft',
		request_send: 'Asked for your approval to send',
		contacts: 'Looked at contacts',
		mailbox_changes: 'Looked for news',
		undo_session: 'Undid changes',
		set_vacation: 'Prepared the automatic answer',
	} as Record<string, string>,
	toolFailed: 'failed',
	toolRefused: 'not done: you said no',
	toolRunning: 'under way',
	toolDetails: (name: string) => `${name}: details`,
	took: (ms: string) => `Took ${ms} s`,
	noArguments: 'Without anything more.',

	// What was found
	foundMessages: (n: number) => (n === 1 ? 'One message' : `${n} messages`),
	someOf: (shown: number, n: number) => `${shown} of ${n} messages`,
	showAll: 'Show all in the list',
	unread: 'Unread',

	// Undoing
	changed: (n: number) => (n === 1 ? 'One change was made.' : `${n} changes were made.`),
	undo: (n: number) => (n === 1 ? 'Undo it' : `Undo all ${n}`),
	undoAll: (n: number) => `Undo all ${n} of this conversation`,
	undoing: 'Undoing…',
	undone: (n: number) => (n === 1 ? 'One change undone.' : `${n} changes undone.`),
	undoneNothing: 'There was nothing left to undo.',
	undoneBefore: 'This was undone.',
	undoConflicts: (n: number) =>
		n === 1
			? 'One was changed again since, and stays as it is.'
			: `${n} were changed again since, and stay as they are.`,
	undoLost: (n: number) => (n === 1 ? 'One could not be brought back.' : `${n} could not be brought back.`),

	// Asked before it is done
	confirm: 'Shall I do this?',
	confirmRead: (n: number, listed: boolean) =>
		listed || n === 0
			? 'I ask because I have read mail before: it may have put that into my head.'
			: n === 1
				? 'I ask because I have read a message before: it may have put that into my head.'
				: `I ask because I have read ${n} messages before: they may have put that into my head.`,
	confirmYes: 'Yes, do it',
	confirmNo: 'No',
	confirmed: {
		yes: 'You agreed.',
		no: 'You said no. Nothing was changed.',
		time: 'You did not answer. Nothing was changed.',
		over: 'That is over. Nothing was changed.',
	},
	confirmMark: {
		read: 'These are marked as read.',
		unread: 'These are marked as unread.',
		starred: 'These get a star.',
		unstarred: 'These lose their star.',
	},
	confirmDraft: 'This is put into Drafts. It is not sent.',
	confirmDestroy: 'This is deleted for ever:',
	confirmUndo: 'All that I changed in this conversation is taken back.',

	errors: {
		cancelled: 'Stopped.',
		busy: 'One thing at a time: the answer before is not finished.',
		time: 'That took too long, so I stopped.',
		size: 'That became too much, so I stopped.',
		rounds: 'I went round in circles and stopped.',
		tools: 'Your mail cannot be reached just now. Try again in a moment.',
		away: 'The model does not answer.',
		model: 'The model answered with something that makes no sense.',
		invalid: 'That could not be understood.',
		lost: 'The connection broke off. What was done until then is done.',
	} as Record<string, string>,
	error: 'Something went wrong. Try again in a moment.',
	notices: {
		fallback: 'The model is away. The built-in assistant answers.',
		forgotten: 'The connection was lost for too long: what was said up to here is forgotten.',
		gap: 'A part of this was lost with the connection.',
	} as Record<string, string>,

	// The approval card
	card: 'Send this message?',
	cardBy: (agent: string) =>
		agent === 'assistant' ? 'Written by the assistant' : `Written by the agent “${agent}”`,
	cardAsked: (when: string) => `asked ${when}`,
	cardTo: 'To',
	cardCc: 'Cc',
	cardBcc: 'Bcc',
	cardFrom: 'From',
	cardReplyTo: 'Answers go to',
	cardSubject: 'Subject',
	cardFiles: 'Attachments',
	cardText: 'Text',
	cardNoText: 'There is no text.',
	cardNoSubject: '(no subject)',
	cardHold: 'Sending',
	cardAtOnce: 'At once, when you approve it',
	cardNotSentTo: (who: string) => `${who} stands in the message, but does not get it.`,
	cardSend: 'Send',
	cardRefuse: 'Refuse',
	cardEdit: 'Edit',
	cardSending: 'Sending…',
	cardOpen: 'Look at it and decide',
	cardLoading: 'Loading what is to be approved…',
	cardGone: 'This request is no longer there.',
	cardFailed: 'It could not be loaded.',
	cardStates: {
		sent: 'Sent.',
		done: 'Done.',
		approved: 'Approved. It is under way.',
		failed: 'Approved, but it could not be done.',
		refused: 'Refused. Nothing was sent.',
		expired: 'Nobody answered in time. Nothing was sent.',
	} as Record<string, string>,
	cardTampered:
		'What is shown here is not what would be sent. Do not approve it, and tell whoever runs this server.',
	cardStrange:
		'This message has an unusual form: its reader may see something else. Look at its source before you decide.',
	cardSource: 'Source of the message',
	cardInside: 'What it says',
	origin: (value: string, who: string, where: string) =>
		who
			? `“${value}” is nobody you have written to. It was taken from ${where} of a message by ${who}.`
			: `“${value}” is nobody you have written to. It was taken from ${where} of a message.`,
	originWhere: {
		body: 'the text',
		subject: 'the subject',
		name: 'a name',
		attachment: 'an attachment',
	} as Record<string, string>,
	originOther: 'the content',
	originOpen: 'Open that message',
	prove: 'It is some time since you logged in. Show that it is you.',
	actions: {
		delete: 'Delete these messages?',
		move: 'Move these messages?',
		forward: 'Forward this message?',
		vacation: 'Change the automatic reply?',
	} as Record<string, string>,
	actionOther: 'Allow this?',
	actionBy: (agent: string) =>
		agent === 'assistant' ? 'Asked by the assistant' : `Asked by the agent “${agent}”`,
	cardError: (why: string) => `It was approved before, but could not be done: ${why}`,
	actionDestroy: (n: number) =>
		n === 1
			? 'One message is deleted for ever. This cannot be undone.'
			: `${n} messages are deleted for ever. This cannot be undone.`,
	actionMove: (n: number, to: string) =>
		n === 1 ? `One message goes to “${to}”.` : `${n} messages go to “${to}”.`,
	actionMore: (n: number) => (n === 1 ? 'and one more' : `and ${n} more`),
	vacationOn: 'Whoever writes to you gets this answer:',
	vacationOff: 'The automatic reply is switched off.',
	vacationFrom: 'From',
	vacationTo: 'Until',
	vacationNow: 'at once',
	actionAllow: 'Allow',
	actionDoing: 'Doing it…',
	actionStates: {
		refused: 'Refused. Nothing was done.',
		expired: 'Nobody answered in time. Nothing was done.',
	} as Record<string, string>,
	cardOvertaken: (state: string) => `This was answered already, or it waited too long. ${state}`,
	nobodyWaits: 'Nothing waits for your approval.',
	nobodyWaitsHint:
		'When the assistant or another agent wants to send something in your name, it stands here.',
	others: 'Answered before',

	// Why is this here?
	whyLoading: 'Looking it up…',
	whyFailed: 'It could not be looked up.',
	whyIncomplete: 'Older changes are no longer on record.',
	whyMore: 'More',
	why: {
		smtp: (from: string, where: string) => `Came in from ${from}${where ? ` (${where})` : ''}`,
		submission: (who: string) =>
			who ? `Sent by ${who}, a user of this server` : 'Sent by a user of this server',
		local: 'Written on this server',
		received: 'Came in',
		tls: (version: string) => `over an encrypted connection${version ? ` (${version})` : ''}`,
		plain: 'over a connection without encryption',
		auth: (what: string, result: string, domain: string) =>
			`${what}: ${result}${domain ? ` for ${domain}` : ''}`,
		results: {
			pass: 'proven',
			fail: 'refuted',
			softfail: 'doubtful',
			none: 'nothing to check',
			neutral: 'undecided',
			temperror: 'could not be checked just then',
			permerror: 'could not be checked',
			policy: 'not accepted',
		} as Record<string, string>,
		screened: (score: string, required: string) =>
			score ? `Weighed by the junk filter: ${score} of ${required}` : 'Weighed by the junk filter',
		junk: 'It was taken for junk',
		delivered: (mailbox: string) => (mailbox ? `Put into ${mailbox}` : 'Delivered'),
		appended: (mailbox: string) =>
			mailbox ? `Stored in ${mailbox} by a mail program` : 'Stored by a mail program',
		found: (mailbox: string) => (mailbox ? `Found as a file in ${mailbox}` : 'Found as a file'),
		unknown: 'How it came here is no longer on record',
		for: (who: string) => `for ${who}`,
		moved: (to: string) => (to ? `Moved to ${to}` : 'Moved'),
		copied: (to: string) => (to ? `Copied to ${to}` : 'Copied'),
		marked: (what: string) => `Marked: ${what}`,
		unmarked: (what: string) => `Mark removed: ${what}`,
		expunged: 'Deleted',
		changed: 'Changed',
		keywords: {
			$seen: 'read',
			$flagged: 'with a star',
			$answered: 'answered',
			$forwarded: 'forwarded',
			$draft: 'draft',
			$junk: 'junk',
			$notjunk: 'not junk',
		} as Record<string, string>,
		actors: {
			imap: 'by a mail program',
			jmap: 'on this page or by a program',
			delivery: 'when it was delivered',
			vacation: 'by the automatic reply',
			undo: 'by undoing',
			foreign: 'by a program on the server',
			store: 'by the server',
		} as Record<string, string>,
		agent: (name: string) => (name && name !== 'assistant' ? `by the agent “${name}”` : 'by the assistant'),
	},

	// Settings
	assistantShown: 'Show the assistant',
	assistantShownHint: 'Off, it is nowhere on this page. What other agents may do is below.',
	agents: 'Programs that work on your mail',
	agentsHint:
		'An agent is a program, often with a language model, that reads and sorts your mail over MCP with a token of its own. What it wants to send, you approve.',
	agentsNone: 'None yet.',
	agentNew: 'New agent',
	agentName: 'Name',
	agentNameHint: 'Letters, digits, dots and dashes.',
	agentScopes: 'What it may do',
	scopes: {
		'mail:read': 'Read mail',
		'mail:organize': 'Mark and move',
		'mail:draft': 'Write drafts',
		'mail:send': 'Ask to send',
	} as Record<string, string>,
	agentEnds: 'For how long',
	agentDays: (n: number) =>
		n === 0 ? 'Until you revoke it' : n === 1 ? 'One day' : n === 365 ? 'One year' : `${n} days`,
	agentCreate: 'Create',
	agentToken: (name: string) => `The token of “${name}”. Copy it now: it is shown only once.`,
	agentConfig: 'For most MCP clients, this is the entry in their configuration:',
	agentCopyToken: 'Copy the token',
	agentCopyConfig: 'Copy the configuration',
	agentUntil: (when: string) => `until ${when}`,
	agentForever: 'without end',
	agentEnded: (when: string) => `ended ${when}`,
	agentRevoke: 'Revoke',
	agentRevokeAsk: (name: string) => `Revoke “${name}”? What it is doing ends at once.`,
	agentPolicy: (name: string) => `What ${name} may do by itself`,
	agentPolicyShow: 'Rules',
	agentBuiltIn: 'the assistant',
	classes: {
		read: 'Read',
		flag: 'Mark',
		draft: 'Write drafts',
		send: 'Send',
		delete: 'Delete',
		move: 'Move more than 20 at once',
		forward: 'Forward a message',
		vacation: 'Automatic reply',
	} as Record<string, string>,
	decisions: { free: 'By itself', approval: 'With my approval', never: 'Never' } as Record<string, string>,
	agentProve: 'Making an agent takes your password.',
	agentExists: 'There is an agent of that name already.',

	sessions: 'What agents have changed',
	sessionsHint:
		'Each conversation with what it changed in your mailboxes, and a way back. What agents read is not here: it is in the audit log, which those who run this server can read.',
	sessionsNone: 'No agent has changed anything.',
	sessionsMore: 'Show older ones',
	sessionOf: (agent: string) =>
		agent === 'assistant' ? 'The assistant' : agent === 'terminal' ? 'An agent in the terminal' : agent,
	sessionUnknown: 'An agent',
	sessionCounts: {
		flags: (n: number) => (n === 1 ? '1 mark changed' : `${n} marks changed`),
		moved: (n: number) => `${n} moved`,
		copied: (n: number) => `${n} copied`,
		added: (n: number) => `${n} written`,
		expunged: (n: number) => `${n} deleted for ever`,
		other: (n: number) => (n === 1 ? '1 other change' : `${n} other changes`),
	} as Record<string, (n: number) => string>,
	sessionNothing: 'Nothing that stands.',
	sessionIncomplete: 'its beginning is no longer on record',
	sessionUndo: 'Undo',
	sessionUndone: (when: string) => `Undone ${when}`,
	sessionAsk: (agent: string, when: string, n: number) =>
		n === 1
			? `Undo what changed here (${agent}, ${when})?`
			: `Undo all ${n} changes (${agent}, ${when})? What somebody else has changed since stays.`,
};

export type AssistantWords = typeof en;

const fr: AssistantWords = {
	ask: 'Demandez-moi quelque chose',
	send: 'Demander',
	stop: 'Arrêter',
	fresh: 'Nouvelle conversation',
	log: 'Conversation avec l’assistant',
	hello: 'Que puis-je faire pour vous ?',
	helloText: 'Je cherche, je range, je résume, je rédige. Rien ne part sans que vous l’ayez vu.',
	ideas: ['Liste mes mails non lus', 'Recherche les mails de ', 'Combien de messages cette semaine ?'],
	ideasOpen: ['Résume ce message', 'Prépare une réponse à ce message'],
	you: 'Vous avez demandé :',
	thinking: 'J’y travaille…',
	where: {
		builtin: 'Intégré : comprend les demandes sans modèle. Rien ne quitte ce serveur.',
		local: model => `${model}, sur ce serveur. Rien n’en sort.`,
		remote: model =>
			`${model}. Vos demandes, et les mails dont elles parlent, partent vers une autre machine.`,
	},
	whereShort: {
		builtin: 'Intégré, sur ce serveur',
		local: model => `${model}, sur ce serveur`,
		remote: model => `${model}, sur une autre machine`,
	},
	answersBy: 'Qui répond',
	away: 'L’assistant est injoignable. Nouvel essai…',
	none: 'Ce serveur n’a pas d’assistant.',
	connecting: 'Connexion…',
	retry: 'Réessayer',

	tools: {
		list_mailboxes: 'A regardé les dossiers',
		list_threads: 'A listé des conversations',
		search: 'A cherché',
		read_message: 'A lu un message',
		read_thread: 'A lu une conversation',
		read_attachment_text: 'A lu une pièce jointe',
		flag: 'A changé des marques',
		move: 'A déplacé des messages',
		create_draft: 'A écrit un brouillon',
		update_draft: 'A modifié un brouillon',
		delete_draft: 'A jeté un brouillon',
		request_send: 'A demandé votre accord pour envoyer',
		contacts: 'A regardé les contacts',
		mailbox_changes: 'A regardé les nouveautés',
		undo_session: 'A annulé des changements',
		set_vacation: 'A préparé la réponse automatique',
	},
	toolFailed: 'sans succès',
	toolRefused: 'pas fait : vous avez refusé',
	toolRunning: 'en cours',
	toolDetails: name => `${name} : détails`,
	took: ms => `En ${ms} s`,
	noArguments: 'Sans autre précision.',

	foundMessages: n => (n === 1 ? 'Un message' : `${n} messages`),
	someOf: (shown, n) => `${shown} messages sur ${n}`,
	showAll: 'Tout voir dans la liste',
	unread: 'Non lu',

	changed: n => (n === 1 ? 'Un changement a été fait.' : `${n} changements ont été faits.`),
	undo: n => (n === 1 ? 'L’annuler' : `Annuler les ${n}`),
	undoAll: n => `Annuler les ${n} de cette conversation`,
	undoing: 'Annulation…',
	undone: n => (n === 1 ? 'Un changement annulé.' : `${n} changements annulés.`),
	undoneNothing: 'Il n’y avait plus rien à annuler.',
	undoneBefore: 'Ceci a été annulé.',
	undoConflicts: n =>
		n === 1
			? 'Un message a été modifié depuis et reste tel quel.'
			: `${n} messages ont été modifiés depuis et restent tels quels.`,
	undoLost: n =>
		n === 1 ? 'Un message n’a pas pu être retrouvé.' : `${n} messages n’ont pas pu être retrouvés.`,

	confirm: 'Dois-je faire cela ?',
	confirmRead: (n, listed) =>
		listed || n === 0
			? 'Je le demande car j’ai lu des mails avant : l’idée vient peut-être d’eux.'
			: n === 1
				? 'Je le demande car j’ai lu un message avant : l’idée vient peut-être de lui.'
				: `Je le demande car j’ai lu ${n} messages avant : l’idée vient peut-être d’eux.`,
	confirmYes: 'Oui, le faire',
	confirmNo: 'Non',
	confirmed: {
		yes: 'Vous avez accepté.',
		no: 'Vous avez refusé. Rien n’a changé.',
		time: 'Vous n’avez pas répondu. Rien n’a changé.',
		over: 'C’est terminé. Rien n’a changé.',
	},
	confirmMark: {
		read: 'Ces messages seront marqués comme lus.',
		unread: 'Ces messages seront marqués comme non lus.',
		starred: 'Ces messages recevront une étoile.',
		unstarred: 'Ces messages perdront leur étoile.',
	},
	confirmDraft: 'Ceci ira dans les brouillons. Rien n’est envoyé.',
	confirmDestroy: 'Ceci sera supprimé définitivement :',
	confirmUndo: 'Tout ce que j’ai changé dans cette conversation sera annulé.',

	errors: {
		cancelled: 'Arrêté.',
		busy: 'Une chose à la fois : la réponse précédente n’est pas finie.',
		time: 'Cela prenait trop de temps, j’ai arrêté.',
		size: 'Cela devenait trop long, j’ai arrêté.',
		rounds: 'Je tournais en rond, j’ai arrêté.',
		tools: 'Vos mails sont injoignables pour l’instant. Réessayez dans un moment.',
		away: 'Le modèle ne répond pas.',
		model: 'Le modèle a répondu quelque chose qui n’a pas de sens.',
		invalid: 'Je n’ai pas compris la demande.',
		lost: 'La connexion s’est coupée. Ce qui était déjà fait reste fait.',
	},
	error: 'Quelque chose n’a pas marché. Réessayez dans un moment.',
	notices: {
		fallback: 'Le modèle est absent. L’assistant intégré répond.',
		forgotten: 'La connexion est restée coupée trop longtemps : ce qui a été dit jusqu’ici est oublié.',
		gap: 'Une partie s’est perdue avec la connexion.',
	},

	card: 'Envoyer ce message ?',
	cardBy: agent => (agent === 'assistant' ? 'Rédigé par l’assistant' : `Rédigé par l’agent « ${agent} »`),
	cardAsked: when => `demandé ${when}`,
	cardTo: 'À',
	cardCc: 'Cc',
	cardBcc: 'Cci',
	cardFrom: 'De',
	cardReplyTo: 'Les réponses iront à',
	cardSubject: 'Objet',
	cardFiles: 'Pièces jointes',
	cardText: 'Texte',
	cardNoText: 'Il n’y a pas de texte.',
	cardNoSubject: '(sans objet)',
	cardHold: 'Envoi',
	cardAtOnce: 'Dès que vous l’approuvez',
	cardNotSentTo: who => `${who} figure dans le message, mais ne le recevra pas.`,
	cardSend: 'Envoyer',
	cardRefuse: 'Refuser',
	cardEdit: 'Modifier',
	cardSending: 'Envoi…',
	cardOpen: 'Voir et décider',
	cardLoading: 'Chargement de la demande…',
	cardGone: 'Cette demande n’existe plus.',
	cardFailed: 'Elle n’a pas pu être chargée.',
	cardStates: {
		sent: 'Envoyé.',
		done: 'Fait.',
		approved: 'Approuvé. C’est en cours.',
		failed: 'Approuvé, mais cela n’a pas pu être fait.',
		refused: 'Refusé. Rien n’a été envoyé.',
		expired: 'Personne n’a répondu à temps. Rien n’a été envoyé.',
	},
	cardTampered:
		'Ce qui est affiché ici n’est pas ce qui serait envoyé. N’approuvez pas, et prévenez la personne qui gère ce serveur.',
	cardStrange:
		'Ce message a une forme inhabituelle : son destinataire verra peut-être autre chose. Regardez sa source avant de décider.',
	cardSource: 'Source du message',
	cardInside: 'Ce qu’il contient',
	origin: (value, who, where) =>
		who
			? `Vous n’avez jamais écrit à « ${value} ». Cette adresse vient ${where} d’un message de ${who}.`
			: `Vous n’avez jamais écrit à « ${value} ». Cette adresse vient ${where} d’un message.`,
	originWhere: {
		body: 'du texte',
		subject: 'de l’objet',
		name: 'd’un nom',
		attachment: 'd’une pièce jointe',
	},
	originOther: 'du contenu',
	originOpen: 'Ouvrir ce message',
	prove: 'Vous êtes connecté depuis un moment. Montrez que c’est bien vous.',
	actions: {
		delete: 'Supprimer ces messages ?',
		move: 'Déplacer ces messages ?',
		forward: 'Transférer automatiquement ?',
		vacation: 'Changer la réponse automatique ?',
	},
	actionOther: 'Autoriser ceci ?',
	actionBy: agent => (agent === 'assistant' ? 'Demandé par l’assistant' : `Demandé par l’agent « ${agent} »`),
	cardError: why => `Déjà approuvé, mais cela n’a pas pu être fait : ${why}`,
	actionDestroy: n =>
		n === 1
			? 'Un message est supprimé définitivement. C’est irréversible.'
			: `${n} messages sont supprimés définitivement. C’est irréversible.`,
	actionMove: (n, to) => (n === 1 ? `Un message va dans « ${to} ».` : `${n} messages vont dans « ${to} ».`),
	actionMore: n => (n === 1 ? 'et un autre' : `et ${n} autres`),
	vacationOn: 'Qui vous écrit reçoit cette réponse :',
	vacationOff: 'La réponse automatique est désactivée.',
	vacationFrom: 'À partir de',
	vacationTo: 'Jusqu’à',
	vacationNow: 'maintenant',
	actionAllow: 'Autoriser',
	actionDoing: 'C’est en cours…',
	actionStates: {
		refused: 'Refusé. Rien n’a été fait.',
		expired: 'Personne n’a répondu à temps. Rien n’a été fait.',
	},
	cardOvertaken: state => `Cette demande a déjà reçu une réponse, ou a attendu trop longtemps. ${state}`,
	nobodyWaits: 'Rien n’attend votre accord.',
	nobodyWaitsHint:
		'Quand l’assistant ou un autre agent voudra envoyer quelque chose en votre nom, la demande sera ici.',
	others: 'Déjà répondu',

	whyLoading: 'Recherche…',
	whyFailed: 'L’histoire de ce message n’a pas pu être lue.',
	whyIncomplete: 'Les changements plus anciens ne sont plus consignés.',
	whyMore: 'Suite',
	why: {
		smtp: (from, where) => `Arrivé de ${from}${where ? ` (${where})` : ''}`,
		submission: who =>
			who ? `Envoyé par ${who}, utilisateur de ce serveur` : 'Envoyé par un utilisateur de ce serveur',
		local: 'Écrit sur ce serveur',
		received: 'Arrivé',
		tls: version => `par une connexion chiffrée${version ? ` (${version})` : ''}`,
		plain: 'par une connexion sans chiffrement',
		auth: (what, result, domain) => `${what} : ${result}${domain ? ` pour ${domain}` : ''}`,
		results: {
			pass: 'prouvé',
			fail: 'démenti',
			softfail: 'douteux',
			none: 'rien à vérifier',
			neutral: 'indécis',
			temperror: 'n’a pas pu être vérifié à ce moment',
			permerror: 'n’a pas pu être vérifié',
			policy: 'non accepté',
		},
		screened: (score, required) =>
			score ? `Pesé par le filtre antispam : ${score} sur ${required}` : 'Pesé par le filtre antispam',
		junk: 'Pris pour un indésirable',
		delivered: mailbox => (mailbox ? `Rangé dans ${mailbox}` : 'Livré'),
		appended: mailbox =>
			mailbox
				? `Déposé dans ${mailbox} par un logiciel de messagerie`
				: 'Déposé par un logiciel de messagerie',
		found: mailbox => (mailbox ? `Trouvé comme fichier dans ${mailbox}` : 'Trouvé comme fichier'),
		unknown: 'Son arrivée n’est plus consignée',
		for: who => `pour ${who}`,
		moved: to => (to ? `Déplacé vers ${to}` : 'Déplacé'),
		copied: to => (to ? `Copié dans ${to}` : 'Copié'),
		marked: what => `Marqué : ${what}`,
		unmarked: what => `Marque retirée : ${what}`,
		expunged: 'Supprimé',
		changed: 'Modifié',
		keywords: {
			$seen: 'lu',
			$flagged: 'étoile',
			$answered: 'répondu',
			$forwarded: 'transféré',
			$draft: 'brouillon',
			$junk: 'indésirable',
			$notjunk: 'pas indésirable',
		},
		actors: {
			imap: 'par un logiciel de messagerie',
			jmap: 'sur cette page ou par un programme',
			delivery: 'à la livraison',
			vacation: 'par la réponse automatique',
			undo: 'en annulant',
			foreign: 'par un programme du serveur',
			store: 'par le serveur',
		},
		agent: name => (name && name !== 'assistant' ? `par l’agent « ${name} »` : 'par l’assistant'),
	},

	assistantShown: 'Afficher l’assistant',
	assistantShownHint:
		'Désactivé, il n’est nulle part sur cette page. Ce que d’autres agents peuvent faire est ci-dessous.',
	agents: 'Programmes qui travaillent sur vos mails',
	agentsHint:
		'Un agent est un programme, souvent avec un modèle de langage, qui lit et range vos mails par MCP avec un jeton à lui. Ce qu’il veut envoyer, vous l’approuvez.',
	agentsNone: 'Aucun pour l’instant.',
	agentNew: 'Nouvel agent',
	agentName: 'Nom',
	agentNameHint: 'Lettres, chiffres, points et tirets.',
	agentScopes: 'Ce qu’il peut faire',
	scopes: {
		'mail:read': 'Lire les mails',
		'mail:organize': 'Marquer et ranger',
		'mail:draft': 'Écrire des brouillons',
		'mail:send': 'Demander l’envoi',
	},
	agentEnds: 'Pour combien de temps',
	agentDays: n => (n === 0 ? 'Jusqu’à révocation' : n === 1 ? 'Un jour' : n === 365 ? 'Un an' : `${n} jours`),
	agentCreate: 'Créer',
	agentToken: name => `Le jeton de « ${name} ». Copiez-le maintenant : il n’est montré qu’une fois.`,
	agentConfig: 'Pour la plupart des clients MCP, voici l’entrée de leur configuration :',
	agentCopyToken: 'Copier le jeton',
	agentCopyConfig: 'Copier la configuration',
	agentUntil: when => `jusqu’à ${when}`,
	agentForever: 'sans fin',
	agentEnded: when => `terminé ${when}`,
	agentRevoke: 'Révoquer',
	agentRevokeAsk: name => `Révoquer « ${name} » ? Ce qu’il est en train de faire s’arrête aussitôt.`,
	agentPolicy: name => `Ce que ${name} peut faire de lui-même`,
	agentPolicyShow: 'Règles',
	agentBuiltIn: 'l’assistant',
	classes: {
		read: 'Lire',
		flag: 'Marquer',
		draft: 'Écrire des brouillons',
		send: 'Envoyer',
		delete: 'Supprimer',
		move: 'Déplacer plus de 20 à la fois',
		forward: 'Transférer un message',
		vacation: 'Réponse automatique',
	},
	decisions: { free: 'De lui-même', approval: 'Avec mon accord', never: 'Jamais' },
	agentProve: 'Pour créer un agent, il faut votre mot de passe.',
	agentExists: 'Un agent de ce nom existe déjà.',

	sessions: 'Ce que les agents ont changé',
	sessionsHint:
		'Chaque conversation avec ce qu’elle a changé dans vos dossiers, et le moyen de revenir en arrière. Ce que les agents ont lu n’est pas ici : c’est dans le journal d’audit, que peuvent lire les personnes qui gèrent ce serveur.',
	sessionsNone: 'Aucun agent n’a rien changé.',
	sessionsMore: 'Voir les plus anciennes',
	sessionOf: agent =>
		agent === 'assistant' ? 'L’assistant' : agent === 'terminal' ? 'Un agent dans le terminal' : agent,
	sessionUnknown: 'Un agent',
	sessionCounts: {
		flags: n => (n === 1 ? '1 marque changée' : `${n} marques changées`),
		moved: n => (n === 1 ? '1 déplacé' : `${n} déplacés`),
		copied: n => (n === 1 ? '1 copié' : `${n} copiés`),
		added: n => (n === 1 ? '1 écrit' : `${n} écrits`),
		expunged: n => (n === 1 ? '1 supprimé définitivement' : `${n} supprimés définitivement`),
		other: n => (n === 1 ? '1 autre changement' : `${n} autres changements`),
	},
	sessionNothing: 'Rien qui demeure.',
	sessionIncomplete: 'le début n’est plus consigné',
	sessionUndo: 'Annuler',
	sessionUndone: when => `Annulé ${when}`,
	sessionAsk: (agent, when, n) =>
		n === 1
			? `Annuler ce qui a été changé ici (${agent}, ${when}) ?`
			: `Annuler les ${n} changements (${agent}, ${when}) ? Ce qui a été modifié depuis par d’autres reste tel quel.`,
};

export const say = computed<AssistantWords>(() => (language.value === 'fr' ? fr : en));

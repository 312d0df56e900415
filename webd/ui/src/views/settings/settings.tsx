import { useEffect, useRef } from 'preact/hooks';
import { words, type Words } from '../../i18n';
import { go, leavePage } from '../../store/route';
import { IconButton } from '../../ui/basics';
import { lazy } from '../../ui/lazy';
import { About } from './about';
import { Identities } from './identities';
import { Look } from './look';
import { MailSettings } from './mail';
import { Security } from './security';
import { Vacation } from './vacation';

const Agents = lazy(async () => (await import('../../assistant/settings')).AgentSettings);

const TABS = [
	['look', (w: Words) => w.tabLook, Look],
	['mail', (w: Words) => w.tabMail, MailSettings],
	['identities', (w: Words) => w.tabIdentities, Identities],
	['away', (w: Words) => w.tabVacation, Vacation],
	['security', (w: Words) => w.tabSecurity, Security],
	['agents', (w: Words) => w.tabAgents, Agents],
	['about', (w: Words) => w.tabAbout, About],
] as const;

export function Settings({ tab }: { tab: string }) {
	const w = words.value;
	const at = Math.max(
		0,
		TABS.findIndex(([id]) => id === tab),
	);
	const [id, title, View] = TABS[at]!;
	const tabs = useRef<HTMLDivElement>(null);
	useEffect(() => {
		tabs.current
			?.querySelector('[aria-selected=true]')
			?.scrollIntoView({ block: 'nearest', inline: 'center' });
	}, [id]);
	const onKeyDown = (e: KeyboardEvent) => {
		const by =
			e.key === 'ArrowRight' || e.key === 'ArrowDown'
				? 1
				: e.key === 'ArrowLeft' || e.key === 'ArrowUp'
					? -1
					: 0;
		if (!by) return;
		e.preventDefault();
		e.stopPropagation();
		const next = (at + by + TABS.length) % TABS.length;
		go({ at: 'settings', tab: TABS[next]![0] }, true);
		requestAnimationFrame(() => document.getElementById(`tab-${TABS[next]![0]}`)?.focus());
	};
	return (
		<main class="settings">
			<div class="settings-head">
				<IconButton icon="back" label={w.back} onClick={leavePage} />
				<h1>{w.settings}</h1>
			</div>
			<div ref={tabs} class="tabs" role="tablist" aria-label={w.settings} onKeyDown={onKeyDown}>
				{TABS.map(([key, text]) => (
					<button
						key={key}
						id={`tab-${key}`}
						type="button"
						role="tab"
						aria-selected={key === id}
						aria-controls="panel"
						tabIndex={key === id ? 0 : -1}
						onClick={() => go({ at: 'settings', tab: key }, true)}
					>
						{text(w)}
					</button>
				))}
			</div>
			<div class="panel" id="panel" role="tabpanel" aria-label={title(w)} tabIndex={0}>
				<h2>{title(w)}</h2>
				<View />
			</div>
		</main>
	);
}

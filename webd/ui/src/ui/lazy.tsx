// A view that is fetched when it is first shown. Fetching may fail (no network, a newer page): then it can be tried again.

import type { ComponentChild, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { words } from '../i18n';
import { Spinner } from './basics';

export function lazy<P extends object>(
	load: () => Promise<ComponentType<P>>,
	around?: (c: ComponentChild) => ComponentChild,
) {
	let View: ComponentType<P> | null = null;
	return function Lazy(props: P) {
		const [state, setState] = useState<'loading' | 'ready' | 'failed'>(View ? 'ready' : 'loading');
		useEffect(() => {
			if (state !== 'loading') return;
			let off = false;
			load().then(
				v => {
					View = v;
					if (!off) setState('ready');
				},
				() => !off && setState('failed'),
			);
			return () => {
				off = true;
			};
		}, [state]);
		if (state === 'ready' && View) return <View {...props} />;
		const meanwhile =
			state === 'loading' ? (
				<Spinner />
			) : (
				<div class="empty" role="alert">
					<p>{words.value.partMissing}</p>
					<button type="button" class="button" onClick={() => setState('loading')}>
						{words.value.tryAgain}
					</button>
				</div>
			);
		return <>{around ? around(meanwhile) : meanwhile}</>;
	};
}

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { words } from '../../i18n';
import { explain } from '../../i18n/explain';
import type { Identity } from '../../jmap/types';
import { htmlToText } from '../../lib/sanitize';
import { deleteIdentity, identities, loadIdentities, saveIdentity } from '../../store/identities';
import { toast } from '../../store/toasts';
import { Spinner } from '../../ui/basics';

const failing = (p: Promise<unknown>) => p.catch((e: Error) => toast(explain(e), { kind: 'error' }));

export function Identities() {
	const w = words.value;
	const adding = useSignal(false);
	useEffect(() => void failing(loadIdentities()), []);
	if (!identities.value.length && !adding.value) return <Spinner />;
	return (
		<>
			{identities.value.map(i => (
				<IdentityForm key={i.id} i={i} onDone={() => {}} />
			))}
			{adding.value ? (
				<IdentityForm i={null} onDone={() => (adding.value = false)} />
			) : (
				<button type="button" class="button" onClick={() => (adding.value = true)}>
					{w.newIdentity}
				</button>
			)}
		</>
	);
}

function IdentityForm({ i, onDone }: { i: Identity | null; onDone: () => void }) {
	const w = words.value;
	const saved = useSignal(false);
	const submit = (e: SubmitEvent) => {
		e.preventDefault();
		const f = new FormData(e.currentTarget as HTMLFormElement);
		const text = String(f.get('signature')).trimEnd();
		const value: Partial<Identity> = {
			name: String(f.get('name')).trim(),
			textSignature: text,
			htmlSignature: '',
		};
		if (!i) value.email = String(f.get('email')).trim();
		void failing(
			saveIdentity(i?.id ?? null, value).then(() => {
				saved.value = true;
				onDone();
			}),
		);
	};
	return (
		<form class="block" onSubmit={submit} onInput={() => (saved.value = false)}>
			<label class="field">
				<span>{w.identityName}</span>
				<input name="name" defaultValue={i?.name ?? ''} autocomplete="name" maxLength={200} />
			</label>
			<label class="field">
				<span>{w.identityAddress}</span>
				<input
					name="email"
					type="text"
					inputMode="email"
					defaultValue={i?.email ?? ''}
					readOnly={!!i}
					required
				/>
			</label>
			<label class="field">
				<span>{w.signature}</span>
				<textarea
					name="signature"
					rows={4}
					defaultValue={i ? i.textSignature || (i.htmlSignature ? htmlToText(i.htmlSignature) : '') : ''}
				/>
			</label>
			<div class="row-end">
				<span role="status" class="save-state">
					{saved.value ? w.saved : ''}
				</span>
				{i?.mayDelete && (
					<button type="button" class="button" onClick={() => void failing(deleteIdentity(i.id))}>
						{w.deleteIdentity}
					</button>
				)}
				{!i && (
					<button type="button" class="button" onClick={onDone}>
						{w.cancel}
					</button>
				)}
				<button type="submit" class="button primary">
					{w.save}
				</button>
			</div>
		</form>
	);
}

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { words } from '../../i18n';
import { explain } from '../../i18n/explain';
import { ObjectError } from '../../jmap/errors';
import type { GetResponse, SetResponse, VacationResponse } from '../../jmap/types';
import { htmlToText } from '../../lib/sanitize';
import { call } from '../../store/session';
import { Spinner } from '../../ui/basics';

// A day in the browser's zone, as the field shows it and as JMAP wants it (UTC).
function toField(utc: string | null): string {
	if (!utc) return '';
	const d = new Date(utc);
	const two = (n: number) => String(n).padStart(2, '0');
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

function fromField(day: string, end: boolean): string | null {
	if (!day) return null;
	const d = new Date(`${day}T${end ? '23:59:59' : '00:00:00'}`);
	return Number.isNaN(d.getTime()) ? null : d.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

export function Vacation() {
	const w = words.value;
	const v = useSignal<VacationResponse | null>(null);
	const said = useSignal<{ text: string; bad: boolean } | null>(null);
	const fail = (e: Error) => (said.value = { text: explain(e), bad: true });
	useEffect(() => {
		call<GetResponse<VacationResponse>>('VacationResponse/get', { ids: ['singleton'] })
			.then(r => (v.value = r.list[0] ?? null))
			.catch(fail);
	}, []);
	const submit = (e: SubmitEvent) => {
		e.preventDefault();
		const f = new FormData(e.currentTarget as HTMLFormElement);
		const value = {
			isEnabled: f.get('on') !== null,
			fromDate: fromField(String(f.get('from')), false),
			toDate: fromField(String(f.get('to')), true),
			subject: String(f.get('subject')).trim() || null,
			textBody: String(f.get('text')).trimEnd() || null,
			htmlBody: null,
		};
		call<SetResponse>('VacationResponse/set', { update: { singleton: value } })
			.then(r => {
				for (const x of Object.values(r.notUpdated ?? {})) throw new ObjectError(x);
				said.value = { text: w.saved, bad: false };
			})
			.catch(fail);
	};
	const now = v.value;
	return (
		<>
			{!now && !said.value && <Spinner />}
			{now && (
				<form class="block" onSubmit={submit} onInput={() => (said.value = null)}>
					<label class="check">
						<input type="checkbox" name="on" defaultChecked={now.isEnabled} />
						<span>{w.vacationOn}</span>
					</label>
					<div class="two">
						<label class="field">
							<span>{w.vacationFrom}</span>
							<input type="date" name="from" defaultValue={toField(now.fromDate)} />
						</label>
						<label class="field">
							<span>{w.vacationTo}</span>
							<input type="date" name="to" defaultValue={toField(now.toDate)} />
						</label>
					</div>
					<label class="field">
						<span>{w.vacationSubject}</span>
						<input name="subject" defaultValue={now.subject ?? ''} maxLength={900} />
					</label>
					<label class="field">
						<span>{w.vacationText}</span>
						<textarea
							name="text"
							rows={7}
							defaultValue={now.textBody ?? (now.htmlBody ? htmlToText(now.htmlBody) : '')}
						/>
					</label>
					<p class="hint">{w.vacationHint}</p>
					<div class="row-end">
						<button type="submit" class="button primary">
							{w.save}
						</button>
					</div>
				</form>
			)}
			<p role="status" class={said.value?.bad ? 'error' : 'save-state'}>
				{said.value?.text}
			</p>
		</>
	);
}

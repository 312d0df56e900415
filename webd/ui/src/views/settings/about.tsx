import { words } from '../../i18n';

// Where the source is, told when the page is built (GKMAIL_SOURCE_URL); empty: nowhere public.
declare const SOURCE_URL: string;

export function About() {
	const w = words.value;
	return (
		<>
			<p>{w.aboutText}</p>
			{SOURCE_URL && (
				<p>
					<a href={SOURCE_URL} target="_blank" rel="noopener noreferrer">
						{w.sourceCode}
					</a>
				</p>
			)}
		</>
	);
}

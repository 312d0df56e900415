# bash completion for gkmail, as `gkmail completion` prints it
_gkmail() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} noun='' verb='' words='' i
	COMPREPLY=()
	case $prev in
	--config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--dir) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--level) COMPREPLY=($(compgen -W 'error warn info debug' -- "$cur")); return ;;
	--daemon) COMPREPLY=($(compgen -W 'master authd smtpd queue local mailboxd imapd dnsd screen sign remote webd mcpd aid connect statd acme' -- "$cur")); return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config | --dir) ((i++)) ;;
		-*) ;;
		*) if [ -z "$noun" ]; then noun=${COMP_WORDS[i]}; elif [ -z "$verb" ]; then verb=${COMP_WORDS[i]}; fi ;;
		esac
	done
	case "$noun${verb:+ $verb}" in
	'') words='--config --dir --json --help setup check config domain user apppass agent approve audit mcp session alias queue mailbox backup restore import ban dkim acme dns dmarc status prove doctor log trace reload sandbox version completion' ;;
	setup) words='--help --json --domain --user --postmaster --certificate --key --smart-host --smart-user --smart-password --offline --no-start --wait-dns --yes --force' ;;
	check) words='--help --json' ;;
	config) words='--help show explain sample' ;;
	'config show') words='--help --json' ;;
	'config explain') words='--help --json' ;;
	'config sample') words='--help --json' ;;
	domain) words='--help add del list' ;;
	'domain add') words='--help --json --quota' ;;
	'domain del') words='--help --json' ;;
	'domain list') words='--help --json' ;;
	user) words='--help add passwd del list quota' ;;
	'user add') words='--help --json --quota' ;;
	'user passwd') words='--help --json' ;;
	'user del') words='--help --json --purge' ;;
	'user list') words='--help --json' ;;
	'user quota') words='--help --json' ;;
	apppass) words='--help add del list' ;;
	'apppass add') words='--help --json' ;;
	'apppass del') words='--help --json' ;;
	'apppass list') words='--help --json' ;;
	agent) words='--help add list show policy revoke' ;;
	'agent add') words='--help --json --scopes --rate --days' ;;
	'agent list') words='--help --json' ;;
	'agent show') words='--help --json' ;;
	'agent policy') words='--help --json' ;;
	'agent revoke') words='--help --json' ;;
	approve) words='--help --json --user --yes' ;;
	audit) words='--help show verify' ;;
	'audit show') words='--help --json --user --agent --session --since' ;;
	'audit verify') words='--help --json --head' ;;
	mcp) words='--help --json --user' ;;
	session) words='--help list revoke' ;;
	'session list') words='--help --json' ;;
	'session revoke') words='--help --json' ;;
	alias) words='--help add del list' ;;
	'alias add') words='--help --json' ;;
	'alias del') words='--help --json' ;;
	'alias list') words='--help --json' ;;
	queue) words='--help list show destinations flush hold release delete' ;;
	'queue list') words='--help --json --sender --destination' ;;
	'queue show') words='--help --json' ;;
	'queue destinations') words='--help --json' ;;
	'queue flush') words='--help --json --sender --destination' ;;
	'queue hold') words='--help --json --sender --destination' ;;
	'queue release') words='--help --json --sender --destination' ;;
	'queue delete') words='--help --json --sender --destination' ;;
	mailbox) words='--help check repair reindex' ;;
	'mailbox check') words='--help --json' ;;
	'mailbox repair') words='--help --json' ;;
	'mailbox reindex') words='--help --json' ;;
	backup) words='--help list verify prune --to --user' ;;
	'backup list') words='--help --json --from' ;;
	'backup verify') words='--help --json --from --all' ;;
	'backup prune') words='--help --json --from --keep' ;;
	restore) words='--help --json --from --at --force --user --mailbox --message --to-mailbox' ;;
	import) words='--help maildir mbox imap' ;;
	'import maildir') words='--help --json --user --into --dry-run' ;;
	'import mbox') words='--help --json --user --into --dry-run' ;;
	'import imap') words='--help --json --imap-user --password-file --user --tls --ca --into --dry-run' ;;
	ban) words='--help list add remove' ;;
	'ban list') words='--help --json' ;;
	'ban add') words='--help --json --for --reason' ;;
	'ban remove') words='--help --json' ;;
	dkim) words='--help generate rotate list remove' ;;
	'dkim generate') words='--help --json --selector --algorithm' ;;
	'dkim rotate') words='--help --json --selector --now' ;;
	'dkim list') words='--help --json' ;;
	'dkim remove') words='--help --json --force' ;;
	acme) words='--help status renew' ;;
	'acme status') words='--help --json' ;;
	'acme renew') words='--help --json' ;;
	dns) words='--help lookup --check' ;;
	'dns lookup') words='--help --json' ;;
	dmarc) words='--help list show report' ;;
	'dmarc list') words='--help --json --domain' ;;
	'dmarc show') words='--help --json --domain --days' ;;
	'dmarc report') words='--help --json --now' ;;
	status) words='--help --json --metrics' ;;
	prove) words='--help --json' ;;
	doctor) words='--help --json --offline' ;;
	log) words='--help --json --follow --level --mid --sid --daemon' ;;
	trace) words='--help --json --recent' ;;
	reload) words='--help --json' ;;
	sandbox) words='--help --json --dir --domain --users --user --config --json --demo' ;;
	version) words='--help --json' ;;
	completion) words='--help --json' ;;
	esac
	case $noun in
	setup | log | status | sandbox | reload | check | version)
		[ -n "$words" ] || words="--help --json" ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	if [ "$noun" = check ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -F _gkmail gkmail

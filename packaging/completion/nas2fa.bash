# bash completion for nas2fa(1). Written out, so that a Tab starts no program.

_nas2fa_options() {
	case $1 in
	nas2fa) echo "--root --version --help" ;;
	setup) echo "--user --invite --replace --label --despite-clock --help" ;;
	"authenticator list") echo "--user --json --help" ;;
	"authenticator add") echo "--user --label --despite-clock --help" ;;
	"authenticator remove") echo "--user --help" ;;
	test) echo "--service --from --json --help" ;;
	clock) echo "--no-measure --json --help" ;;
	explain) echo "--imagine --limit --json --help" ;;
	rescue-clock) echo "--user --help" ;;
	repair) echo "--restore --adopt --yes --json --help" ;;
	"system check") echo "--json --quiet --log --help" ;;
	"system enable")
		echo "--confirm-within --dry-run --yes --ssh-keys --decoy --no-decoy --exempt --samba --no-samba --despite-findings --despite-clock --no-way-back-check --help" ;;
	"system disable") echo "--yes --help" ;;
	"user add") echo "--uri --from-file --armed --replace --beside --json --help" ;;
	"user invite") echo "--hours --json --help" ;;
	"user reset") echo "--yes --help" ;;
	"unlock smb") echo "--from --for --user --help" ;;
	"grants list") echo "--user --json --help" ;;
	"grants revoke") echo "--user --from --help" ;;
	"exempt add") echo "--user --group --service --from --key --until --reason --json --help" ;;
	status | health | attempts | "exempt list" | "system status" | "user list" | "user show") echo "--json --help" ;;
	*) echo "--help" ;;
	esac
}

_nas2fa_words() {
	case $1 in
	nas2fa) echo "setup status test authenticator disable recovery-codes user system exempt unlock attempts grants smb rescue-clock clock explain repair health version" ;;
	authenticator) echo "add list remove" ;;
	system) echo "check confirm disable enable status" ;;
	exempt) echo "add list remove" ;;
	unlock) echo "smb" ;;
	attempts) echo "approve" ;;
	grants) echo "list revoke" ;;
	smb) echo "share" ;;
	user) echo "add forget-devices invite list rename reset show unlock" ;;
	esac
}

_nas2fa() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=nas2fa word index
	COMPREPLY=()
	for ((index = 1; index < COMP_CWORD; index++)); do
		word=${COMP_WORDS[index]}
		case $word in
		--root) ((index++)) ;;
		-*) ;;
		*) case $command in
			nas2fa) command=$word ;;
			authenticator | user | system | exempt | unlock | attempts | grants | smb) command="$command $word" ;;
			esac ;;
		esac
	done
	case $previous in
	--root) compopt -o dirnames && return ;;
	--from-file) compopt -o default && return ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$current") && return ;;
	--invite | --label | --from | --uri | --hours | --limit | --confirm-within | --key | --until | --reason | --despite-clock | --for) return ;;
	--group) mapfile -t COMPREPLY < <(compgen -g -- "$current") && return ;;
	--ssh-keys) mapfile -t COMPREPLY < <(compgen -W "guard code password" -- "$current") && return ;;
	--exempt) mapfile -t COMPREPLY < <(compgen -W "all none" -- "$current") && return ;;
	--service) [[ -d /etc/pam.d ]] && mapfile -t COMPREPLY < <(cd /etc/pam.d && compgen -f -- "$current") && return ;;
	esac
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_nas2fa_options "$command")" -- "$current")
		return
	fi
	case $command in
	nas2fa | authenticator | user | system | exempt | unlock | attempts | grants | smb) mapfile -t COMPREPLY < <(compgen -W "$(_nas2fa_words "$command")" -- "$current") ;;
	status | test | disable | recovery-codes | repair | "user "*) mapfile -t COMPREPLY < <(compgen -u -- "$current") ;;
	esac
}
complete -F _nas2fa nas2fa

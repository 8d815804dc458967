# bash completion for nas2fa(1): the command itself says what may follow (click's completion protocol, version 8).

_nas2fa() {
	local kind value
	COMPREPLY=()
	while IFS=, read -r kind value; do
		case $kind in
		dir) compopt -o dirnames ;;
		file) compopt -o default ;;
		plain) COMPREPLY+=("$value") ;;
		esac
	done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _NAS2FA_COMPLETE=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F _nas2fa nas2fa

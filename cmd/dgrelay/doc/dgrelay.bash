# bash completion for dgrelay
_dgrelay() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--impair|-x)
		COMPREPLY=()
		return
		;;
	--forward)
		COMPREPLY=()
		return
		;;
	--backward)
		COMPREPLY=()
		return
		;;
	--max-clients)
		COMPREPLY=()
		return
		;;
	--max-per-address)
		COMPREPLY=()
		return
		;;
	--idle)
		COMPREPLY=()
		return
		;;
	--duration)
		COMPREPLY=()
		return
		;;
	--head)
		COMPREPLY=()
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--impair -x --forward --backward --ipv4 -4 --ipv6 -6 --max-clients --max-per-address --answer-services --idle --duration --head --json --verbose -v --quiet -q --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _dgrelay dgrelay

# bash completion for demo
_demo() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c)
		COMPREPLY=()
		return
		;;
	--wait|-W)
		COMPREPLY=()
		return
		;;
	--color)
		COMPREPLY=($(compgen -W 'auto always never' -- "$current"))
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --wait -W --quiet --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -W 'list' -- "$current")) ;;
	esac
}
complete -o filenames -F _demo demo

# bash completion for sockwire
_sockwire() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--message)
		COMPREPLY=()
		return
		;;
	--size|-s)
		COMPREPLY=()
		return
		;;
	--count|-c)
		COMPREPLY=()
		return
		;;
	--mtu)
		COMPREPLY=()
		return
		;;
	--write|-w)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--pid|-p)
		COMPREPLY=()
		return
		;;
	--engine)
		COMPREPLY=($(compgen -W 'auto ebpf ptrace' -- "$current"))
		return
		;;
	--data)
		COMPREPLY=()
		return
		;;
	--output|-o)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--calls)
		COMPREPLY=()
		return
		;;
	--only)
		COMPREPLY=($(compgen -W 'stream datagram raw unix other' -- "$current"))
		return
		;;
	--socket)
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
	-*) COMPREPLY=($(compgen -W '--message --size -s --count -c --mtu --ipv4 -4 --ipv6 -6 --verbose -v --json --columns --write -w --pid -p --engine --isolate --wait --data --no-data --summary --output -o --calls --only --socket --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -W 'list stream datagram raw unix limits errors lost file' -- "$current")) ;;
	esac
}
complete -o filenames -F _sockwire sockwire
